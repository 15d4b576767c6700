"""The user's lock and the look at what keeps the user from ordering in one call: one round trip less for each order."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Two statements on purpose: in READ COMMITTED each statement of a volatile function has a snapshot of its own, so the second
    # one sees what was committed while the first one waited. One statement would look with the snapshot from before the wait.
    op.execute("""
        CREATE FUNCTION generation_lock_user(who bigint)
        RETURNS TABLE (is_banned boolean, id bigint, public_id uuid, status text) LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtextextended('generation of user ' || who::text, 0));
            RETURN QUERY
                SELECT person.banned_at IS NOT NULL, running.id, running.public_id, running.status::text
                FROM users person
                LEFT JOIN generation_requests running
                    ON running.user_id = person.id AND running.status IN ('queued', 'running')
                WHERE person.id = who;
        END $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION generation_lock_user")
