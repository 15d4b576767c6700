"""The queue's tables: PgQueuer 1.6.0, as its own installer writes them (pgqueuer_1_6_0.sql), frozen here."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTALL = Path(__file__).with_name("pgqueuer_1_6_0.sql")


def upgrade() -> None:
    script = INSTALL.read_text()
    # asyncpg runs several statements at once only through its simple protocol, on the raw connection.
    op.get_bind().connection.dbapi_connection.run_async(lambda connection: connection.execute(script))


def downgrade() -> None:
    for table in ("pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION fn_pgqueuer_changed")
    op.execute("DROP TYPE pgqueuer_status")
