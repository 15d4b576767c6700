"""What keeps a user from ordering is looked for at the user's newest generation, not among all that run."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# A generation that runs is its user's newest: a unique index lets nobody order before it has ended. Among those that run, PostgreSQL
# would read all of them whenever it has counted none at its last look; asked by status it would go there all the same, by an index
# of those that run. One that runs has no end, by constraint.
NEWEST = """
CREATE OR REPLACE FUNCTION generation_lock_user(who bigint)
RETURNS TABLE (is_banned boolean, id bigint, public_id uuid, status text) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('generation of user ' || who::text, 0));
    RETURN QUERY
        SELECT person.banned_at IS NOT NULL, running.id, running.public_id, running.status::text
        FROM users person
        LEFT JOIN generation_requests running
            ON running.id = (SELECT max(newest.id) FROM generation_requests newest WHERE newest.user_id = who)
            AND running.completed_at IS NULL
        WHERE person.id = who;
END $$
"""
# As 0011 had it.
AMONG_ALL = NEWEST.replace(
    """ON running.id = (SELECT max(newest.id) FROM generation_requests newest WHERE newest.user_id = who)
            AND running.completed_at IS NULL""",
    "ON running.user_id = person.id AND running.status IN ('queued', 'running')",
)


def upgrade() -> None:
    op.execute(NEWEST)


def downgrade() -> None:
    op.execute(AMONG_ALL)
