"""The three models on sale, one credit each."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        INSERT INTO model_catalog (key, name, provider, supports_text_to_image, supports_image_to_image) VALUES
            ('seedream-v4', 'Seedream v4', 'wavespeed', true, true),
            ('nano-banana', 'Nano Banana', 'wavespeed', true, true),
            ('nano-banana-pro', 'Nano Banana Pro', 'wavespeed', true, true)
        ON CONFLICT (key) DO NOTHING
    """)
    op.execute("INSERT INTO model_prices (model_id, unit_price) SELECT id, 1 FROM model_catalog ORDER BY id ON CONFLICT DO NOTHING")


def downgrade() -> None:
    """The rows stay: generations and prices of the past point to them. They go with their tables."""
