"""Tables whose rows change several times in their first seconds are cleaned before a fifth of them is dead.

The next job, and the place in the line, are read past every row that is dead and not cleaned away yet.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# The queue is small and lives from seconds to minutes: cleaning it is quick, and is not slowed down.
QUEUE = {"autovacuum_vacuum_scale_factor": "0.01", "autovacuum_vacuum_threshold": "500", "autovacuum_vacuum_cost_delay": "0"}
# These grow: a hundredth of them would mean to go through all their indexes every few minutes.
GROWING = {"autovacuum_vacuum_scale_factor": "0.05", "autovacuum_analyze_scale_factor": "0.02"}
SETTINGS = {
    "pgqueuer": QUEUE,
    "generation_requests": GROWING,
    "generation_jobs": GROWING,
    "generation_events": GROWING,
    "idempotency_keys": GROWING,
}


def upgrade() -> None:
    for table, settings in SETTINGS.items():
        op.execute(f"ALTER TABLE {table} SET ({', '.join(f'{name} = {value}' for name, value in settings.items())})")


def downgrade() -> None:
    for table, settings in SETTINGS.items():
        op.execute(f"ALTER TABLE {table} RESET ({', '.join(settings)})")
