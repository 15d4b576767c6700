"""Seeded bugs of payments: money that is credited twice, or to the wrong order, and Stars that go back twice."""

from tests.mutants.bug import APP, Bug, Edit, bug

_PAYMENTS = "domain/payments/"

BUGS = (
    Bug(
        "payments: no unique index on charge ids",
        (
            Edit(
                "api/alembic/versions/0009_payments.py",
                '        sa.UniqueConstraint("telegram_charge_id", name=op.f("uq_payment_charges_telegram_charge_id")),\n',
                "",
            ),
            Edit(APP + _PAYMENTS + "models.py", '        UniqueConstraint("telegram_charge_id"),\n', ""),
            Edit(APP + _PAYMENTS + "queries.py", "ON CONFLICT (telegram_charge_id) DO NOTHING RETURNING id", "RETURNING id"),
        ),
        ("races/test_payment_races.py::TestCharge::test_told_for_two_orders_at_once_credits_one",),
    ),
    bug(
        "payments: an order is read without its lock",
        _PAYMENTS + "queries.py",
        "WHERE bought.public_id = :public_id FOR UPDATE OF bought",
        "WHERE bought.public_id = :public_id",
        "races/test_payment_races.py::TestCharge::test_of_twenty_tellings_in_one_process_one_credits",
    ),
    bug(
        "payments: any amount will do",
        _PAYMENTS + "rules.py",
        "return Refusal.WRONG_AMOUNT if total_amount != price_stars else None",
        "return None",
        "api/test_payments.py::TestPreCheckout",
        "api/test_payments.py::TestCharge",
    ),
    bug(
        "payments: a refusal of another thing returns the credits of a refund in doubt",
        _PAYMENTS + "jobs.py",
        "if not (refusal.is_about_charge or claim.is_first):",
        "if False:",
        "domain/payments/test_refunds.py::TestARefundInDoubt",
    ),
    bug(
        "payments: a refund is claimed while another one has it",
        _PAYMENTS + "queries.py",
        "        AND (refund.lease_until IS NULL OR refund.lease_until <= clock_timestamp())\n    RETURNING refund.id",
        "    RETURNING refund.id",
        "races/test_payment_races.py::TestRefund",
        "domain/payments/test_refunds.py::TestARefundInDoubt",
    ),
    bug(
        "payments: a refund is ended without its epoch",
        _PAYMENTS + "queries.py",
        "WHERE id = :refund_id AND epoch = :epoch AND state = 'refunding' RETURNING id",
        "WHERE id = :refund_id AND state = 'refunding' RETURNING id",
        "domain/payments/test_refunds.py::TestARefundInDoubt::test_is_out_of_the_hands_of_whoever_lost_the_claim",
    ),
    bug(
        "payments: a refund made elsewhere takes more than there is",
        "domain/ledger/service.py",
        "taken = min(found.spendable, amount)",
        "taken = amount",
        "api/test_payments.py::TestRefundNotice",
    ),
    bug(
        "payments: a lost answer to a refund returns the credits",
        _PAYMENTS + "jobs.py",
        "        await service.doubt_refund(session, claim, error=reason)",
        "        await service.return_refund(session, claim, error=reason)",
        "domain/payments/test_refunds.py::TestARefundInDoubt",
    ),
    bug(
        "payments: every second page is passed over",
        _PAYMENTS + "jobs.py",
        "        offset, is_last = offset + len(page), len(page) < PAGE_SIZE\n",
        "        offset, is_last = offset + 2 * len(page), len(page) < PAGE_SIZE\n",
        "domain/payments/test_reconciliation.py::TestReconcile",
    ),
)
