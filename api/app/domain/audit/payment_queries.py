"""The invariants of payments, each a query that must find nothing; queries.py has those of the book and of generations."""

from app.domain.audit.schemas import Invariant

PAYMENTS = (
    Invariant(
        "I11",
        "each paid order has one payment, credited once with exactly its credits",
        """
        SELECT 'order ' || bought.id || ' is ' || bought.status || ' with ' || count(charge.id) || ' payments',
               'user', bought.user_id
        FROM payment_orders bought LEFT JOIN payment_charges charge ON charge.order_id = bought.id
        GROUP BY bought.id HAVING count(charge.id) <> (bought.status <> 'pending')::int
        UNION ALL
        SELECT 'charge ' || telegram_charge_id || ' is there ' || count(*) || ' times', 'user', min(user_id)
        FROM payment_charges GROUP BY telegram_charge_id HAVING count(*) > 1
        UNION ALL
        SELECT 'charge ' || charge.telegram_charge_id || ' of ' || charge.amount || ' Stars for order ' || bought.id || ' gave '
               || coalesce(credited.amount::text, 'nothing') || ' to user ' || coalesce(wallet.user_id::text, 'nobody'),
               'user', bought.user_id
        FROM payment_charges charge JOIN payment_orders bought ON bought.id = charge.order_id
        LEFT JOIN ledger_transfers moved ON moved.id = charge.transfer_id
        LEFT JOIN ledger_entries credited ON credited.transfer_id = charge.transfer_id AND credited.account_kind = 'wallet'
        LEFT JOIN ledger_accounts wallet ON wallet.id = credited.account_id
        WHERE charge.amount <> bought.price_stars OR charge.user_id <> bought.user_id OR moved.entry_type IS DISTINCT FROM 'topup'
           OR credited.amount IS DISTINCT FROM bought.credits OR wallet.user_id IS DISTINCT FROM bought.user_id
        UNION ALL
        SELECT 'topup ' || moved.id || ' belongs to ' || count(charge.id) || ' payments', 'transfer', moved.id
        FROM ledger_transfers moved LEFT JOIN payment_charges charge ON charge.transfer_id = moved.id
        WHERE moved.entry_type = 'topup' GROUP BY moved.id HAVING count(charge.id) <> 1
        """,
    ),
    Invariant(
        "I12",
        "each refunded order has one refund, which took exactly its credits; a refused one gave them back",
        """
        SELECT 'order ' || bought.id || ' is ' || bought.status || ' with ' || count(refund.id) || ' refunds, '
               || coalesce(min(refund.state), 'none'), 'user', bought.user_id
        FROM payment_orders bought LEFT JOIN payment_refunds refund ON refund.order_id = bought.id AND refund.state <> 'refused'
        GROUP BY bought.id
        HAVING count(refund.id) <> (bought.status IN ('refunding', 'refunded'))::int OR min(refund.state) <> bought.status
        UNION ALL
        SELECT 'refund ' || refund.id || ' of order ' || bought.id || ' took ' || coalesce(-taken.amount, 0) || ' of user '
               || coalesce(wallet.user_id::text, 'nobody') || ', short of ' || refund.shortfall, 'user', bought.user_id
        FROM payment_refunds refund JOIN payment_orders bought ON bought.id = refund.order_id
        LEFT JOIN ledger_transfers moved ON moved.id = refund.transfer_id
        LEFT JOIN ledger_entries stars ON stars.transfer_id = refund.transfer_id AND stars.account_kind = 'stars'
        LEFT JOIN ledger_entries taken ON taken.transfer_id = refund.transfer_id AND taken.account_kind = 'wallet'
        LEFT JOIN ledger_accounts wallet ON wallet.id = taken.account_id
        WHERE moved.entry_type IS DISTINCT FROM 'refund' OR stars.amount IS DISTINCT FROM bought.credits
           OR coalesce(-taken.amount, 0) + refund.shortfall <> bought.credits OR wallet.user_id <> bought.user_id
        UNION ALL
        SELECT 'refund ' || refund.id || ' is ' || refund.state || ' and gave ' || coalesce(given.amount, 0) || ' back',
               'user', bought.user_id
        FROM payment_refunds refund JOIN payment_orders bought ON bought.id = refund.order_id
        LEFT JOIN ledger_transfers moved ON moved.id = refund.return_transfer_id
        LEFT JOIN ledger_entries given ON given.transfer_id = refund.return_transfer_id AND given.account_kind = 'wallet'
        LEFT JOIN ledger_accounts wallet ON wallet.id = given.account_id
        WHERE CASE WHEN refund.state = 'refused'
            THEN moved.entry_type IS DISTINCT FROM 'refund' OR given.amount IS DISTINCT FROM bought.credits
                OR wallet.user_id IS DISTINCT FROM bought.user_id
            ELSE refund.return_transfer_id IS NOT NULL
        END
        UNION ALL
        SELECT 'transfer ' || moved.id || ' belongs to ' || count(used.id) || ' refunds', 'transfer', moved.id
        FROM ledger_transfers moved LEFT JOIN (
            SELECT transfer_id AS id FROM payment_refunds
            UNION ALL SELECT return_transfer_id FROM payment_refunds WHERE return_transfer_id IS NOT NULL
        ) used ON used.id = moved.id
        WHERE moved.entry_type = 'refund' GROUP BY moved.id HAVING count(used.id) <> 1
        """,
    ),
)
