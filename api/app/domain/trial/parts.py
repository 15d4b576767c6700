"""What trials put into the statement of another domain: a free generation, taken together with what it is for."""

# Before it: `buyer (id)`, a row or none. After it: `trial_use (id)`, a row when there was a free slot.
REDEEM = """
    taken AS (
        SELECT use.slot FROM buyer JOIN trial_uses use ON use.user_id = buyer.id WHERE use.state <> 'restored'
    ), trial_use AS (
        INSERT INTO trial_uses (user_id, slot, slot_limit, state)
        SELECT buyer.id, free.slot, CAST(:slot_limit AS smallint), 'held' FROM buyer CROSS JOIN (
            SELECT min(slot) AS slot FROM (SELECT 1 AS slot UNION ALL SELECT slot + 1 FROM taken) candidate
            WHERE slot NOT IN (SELECT slot FROM taken)
        ) free
        WHERE free.slot <= CAST(:slot_limit AS smallint)
        RETURNING id
    )
"""
