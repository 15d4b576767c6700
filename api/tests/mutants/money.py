"""Seeded bugs of money: the book, trials, the audit, and the constraints that have the last word."""

from tests.mutants.bug import APP, FIRST_TABLES, Bug, Edit, bug

_LEDGER_GUARDS = "api/alembic/versions/0002_ledger_guards.py"
_LEDGER_CHAIN = "api/alembic/versions/0008_audit_runs_and_freezes.py"  # the trigger of 0002 as it is now
_BOOK = "domain/ledger/queries.py"
_AUDIT = "domain/audit/queries.py"

BUGS = (
    Bug(
        "no unique index on the slots of a trial",
        (
            Edit(
                FIRST_TABLES,
                '"uq_trial_uses_user_id_slot_taken", "trial_uses", ["user_id", "slot"], unique=True,',
                '"uq_trial_uses_user_id_slot_taken", "trial_uses", ["user_id", "slot"], unique=False,',
            ),
            Edit(
                APP + "domain/trial/models.py",
                'Index("uq_trial_uses_user_id_slot_taken", "user_id", "slot", unique=True,',
                'Index("uq_trial_uses_user_id_slot_taken", "user_id", "slot", unique=False,',
            ),
        ),
        ("domain/trial/test_service.py::TestRedeem",),
    ),
    Bug(
        "a hold may end twice",
        (
            Edit(FIRST_TABLES, '        sa.UniqueConstraint("hold_id", name=op.f("uq_ledger_transfers_hold_id")),\n', ""),
            Edit(APP + "domain/ledger/models.py", '        UniqueConstraint("hold_id"),\n', ""),
            Edit(APP + _BOOK, "        ON CONFLICT (hold_id) DO NOTHING RETURNING", "        RETURNING"),
        ),
        ("domain/ledger/test_service.py::TestCapture", "races/test_settlement_races.py::TestHold"),
    ),
    Bug(
        "an unguarded debit: a wallet may go below zero",
        (
            Edit(FIRST_TABLES, "balance_after >= 0 OR NOT (account_kind IN ('wallet', 'holds'))", "balance_after IS NOT NULL"),
            Edit(
                APP + "domain/ledger/models.py",
                "f\"balance_after >= 0 OR NOT ({_in('account_kind', NEVER_NEGATIVE_KINDS)})\"",
                '"balance_after IS NOT NULL"',
            ),
        ),
        ("races/test_settlement_races.py::TestHold", "domain/ledger/test_load.py::TestSixteenWriters"),
    ),
    Bug(
        "a balance is read without the account's lock",
        (
            Edit(
                _LEDGER_CHAIN,
                "FROM ledger_accounts WHERE id = NEW.account_id FOR NO KEY UPDATE;",
                "FROM ledger_accounts WHERE id = NEW.account_id;",
            ),
        ),
        ("domain/ledger/test_load.py::TestSixteenWriters",),
    ),
    Bug(
        "a transfer need not sum to zero",
        (Edit(_LEDGER_GUARDS, "HAVING sum(amount) <> 0 OR count(*) < 2) THEN", "HAVING count(*) < 1) THEN"),),
        ("domain/ledger/test_guards.py::TestInsert",),
    ),
    Bug(
        "entries can be changed",
        (Edit(_LEDGER_GUARDS, "BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries", "BEFORE TRUNCATE ON ledger_entries"),),
        ("domain/ledger/test_chain.py::TestOwner",),
    ),
    Bug(
        "the chain does not cover the amount",
        (
            Edit(
                _LEDGER_GUARDS,
                "account_id, seq, transfer_id, amount, balance_after, entry_type,",
                "account_id, seq, transfer_id, entry_type,",
            ),
        ),
        ("domain/ledger/test_chain.py::TestHash",),
    ),
    bug(
        "the last credit cannot be spent",
        "domain/ledger/rules.py",
        "return balance + min(0, -amount) >= 0",
        "return balance + min(0, -amount) > 0",
        "domain/ledger/test_service.py::TestHold",
    ),
    bug(
        "a release pays the house",
        _BOOK,
        '"to_wallet": entry_type is EntryType.GENERATION_RELEASE,',
        '"to_wallet": False,',
        "domain/ledger/test_service.py::TestRelease",
    ),
    bug(
        "a capture pays the customer",
        _BOOK,
        '"to_wallet": entry_type is EntryType.GENERATION_RELEASE,',
        '"to_wallet": True,',
        "domain/ledger/test_service.py::TestCapture",
    ),
    bug(
        "one trial too many",
        "domain/trial/service.py",
        "return await queries.insert_use(session, user_id, slot_limit=limit)",
        "return await queries.insert_use(session, user_id, slot_limit=limit + 1)",
        "domain/trial/test_service.py::TestRedeem",
    ),
    bug(
        "a trial that failed is gone",
        "domain/generations/settlement.py",
        "        await trial.restore(session, attempt.trial_use_id)",
        "        await trial.confirm(session, attempt.trial_use_id)",
        "stories/test_provider_faults.py::TestEveryFault::test_gives_a_free_picture_back",
        "api/test_history.py::TestCancel",
    ),
    bug(
        "a grant with a key is given each time it is sent",
        "domain/ledger/service.py",
        "        return CreditsRead.model_validate(stored), True\n",
        "        pass\n",
        "api/test_idempotency.py::TestAdminCredits",
    ),
    bug(
        "the audit does not verify the chain",
        _AUDIT,
        "WHERE hash <> ledger_entry_hash(prev_hash, account_id,",
        "WHERE hash IS NULL AND hash <> ledger_entry_hash(prev_hash, account_id,",
        "domain/audit/test_service.py::TestAViolation",
    ),
    bug(
        "the audit reads many moments",
        _AUDIT,
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ ONLY",
        "domain/audit/test_snapshot.py",
    ),
    bug(
        "the audit overlooks what is overdue",
        _AUDIT,
        "deadline_at < clock_timestamp() - interval '60 seconds'",
        "deadline_at < clock_timestamp() - interval '60 hours'",
        "domain/audit/test_service.py::TestAViolation",
    ),
)
