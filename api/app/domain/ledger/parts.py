"""What the book puts into the statement of another domain: a hold, written together with what it is for (docs/decisions/0020).

The guards of migrations 0002 and 0008 judge it like any other entry.
"""

from app.domain.ledger.rules import STRIPES, EntryType

# Before it: `unpaid (user_id, amount)`, a row or none. After it: `hold (id)`, a row when the wallet could afford it.
# The look at the balance only saves a row that the check on balance_after would refuse.
HOLD = f"""
    payer AS (
        SELECT unpaid.user_id, unpaid.amount, wallet.id AS wallet_id
        FROM unpaid JOIN ledger_accounts wallet ON wallet.user_id = unpaid.user_id
        WHERE unpaid.amount <= (
            SELECT balance_after FROM ledger_entries entry WHERE entry.account_id = wallet.id ORDER BY entry.seq DESC LIMIT 1
        )
    ), hold AS (
        INSERT INTO ledger_transfers (entry_type) SELECT '{EntryType.GENERATION_HOLD}' FROM payer RETURNING id
    ), leg (account_id, amount) AS (
        SELECT wallet_id, -amount FROM payer
        UNION ALL
        SELECT house.id, payer.amount FROM payer
        JOIN ledger_accounts house ON house.kind = 'holds' AND house.stripe = payer.user_id % {STRIPES}
    ), held AS (
        INSERT INTO ledger_entries (transfer_id, account_id, amount, entry_type, reference_id, description)
        SELECT hold.id, leg.account_id, leg.amount, '{EntryType.GENERATION_HOLD}',
            CAST(:hold_reference AS text), CAST(:hold_description AS text)
        FROM hold CROSS JOIN leg ORDER BY leg.account_id
    )
"""  # noqa: S608 - words of the book, nothing from outside
