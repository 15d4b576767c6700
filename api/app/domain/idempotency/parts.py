"""What idempotency keys put into the statement of another domain: a key that is new, written with its effect and its answer."""

# After it: `fresh`, a row unless the key was used before; without a key, always. Saves a repeat the rows that KEEP would undo.
UNUSED = """
    fresh AS (
        SELECT WHERE NOT EXISTS (
            SELECT FROM idempotency_keys WHERE caller = CAST(:caller AS text) AND key = CAST(:key AS text)
        )
    )
"""

# Before it: `told (effect, answer)`, a row or none. A key that was used before breaks its unique index, and the whole statement.
KEEP = """
    kept AS (
        INSERT INTO idempotency_keys (caller, key, operation, request, fingerprint, effect, answer)
        SELECT CAST(:caller AS text), CAST(:key AS text), CAST(:operation AS text), CAST(:asked AS jsonb),
            idempotency_fingerprint(CAST(:operation AS text), CAST(:asked AS jsonb)), told.effect, told.answer
        FROM told WHERE CAST(:key AS text) IS NOT NULL
    )
"""
