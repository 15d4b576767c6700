"""How each invariant is broken on purpose: its number, what somebody did, and the statements that do it."""

from string import Template

_HOLD = "(SELECT hold_id FROM generation_requests WHERE status = '{}' AND hold_id IS NOT NULL)"
_GENERATION = "(SELECT id FROM generation_requests WHERE status = '{}' AND hold_id IS NOT NULL)"
_NAMES = {
    **{status: _GENERATION.format(status) for status in ("completed", "failed", "queued")},
    "keyed": "(SELECT substr(effect, 12)::bigint FROM idempotency_keys WHERE effect LIKE 'generation:%')",
    "paid": "(SELECT id FROM payment_orders WHERE status = 'paid' AND credits = 10)",
    **{f"{status}_hold": _HOLD.format(status) for status in ("completed", "failed", "queued")},
}
_PLANTS = """
I1: an amount is changed
    UPDATE ledger_entries SET amount = amount - 1 WHERE transfer_id = $completed_hold AND account_kind = 'wallet';
I1: one side is gone
    DELETE FROM ledger_entries WHERE transfer_id = $completed_hold AND account_kind = 'wallet';
I1: a transfer moves nothing
    INSERT INTO ledger_transfers (entry_type) VALUES ('adjustment');
I1: a transfer is gone
    DELETE FROM ledger_transfers WHERE entry_type = 'grant';
I2: a text is changed
    UPDATE ledger_entries SET description = 'a gift' WHERE transfer_id = $completed_hold AND account_kind = 'wallet';
I2: a time is changed
    UPDATE ledger_entries SET created_at = created_at - interval '1 us' WHERE transfer_id = $completed_hold AND
        account_kind = 'wallet';
I2: a hash is changed
    UPDATE ledger_entries SET hash = sha256('x') WHERE transfer_id = $completed_hold AND account_kind = 'wallet';
I2: a link is cut
    UPDATE ledger_entries SET prev_hash = sha256('x') WHERE transfer_id = $completed_hold AND account_kind = 'wallet';
I2: a balance is changed
    UPDATE ledger_entries SET balance_after = balance_after + 1 WHERE transfer_id = $completed_hold AND account_kind =
        'wallet';
I2: an entry in the middle is gone
    DELETE FROM ledger_entries WHERE account_kind = 'wallet' AND seq = 1;
I2: the numbers begin late
    UPDATE ledger_entries SET seq = seq + 100 WHERE account_kind = 'wallet';
I2: an account is of another kind than its entries
    UPDATE ledger_entries SET account_kind = 'stars' WHERE transfer_id = $completed_hold AND account_kind = 'wallet';
I1: an entry is of another type than its transfer
    UPDATE ledger_transfers SET entry_type = 'topup' WHERE entry_type = 'grant';
I3: a wallet is below zero
    ALTER TABLE ledger_entries DROP CONSTRAINT ck_ledger_entries_balance_not_negative;
    UPDATE ledger_entries SET balance_after = -1 WHERE transfer_id = $completed_hold AND account_kind = 'wallet';
I4: a hold belongs to no generation
    INSERT INTO ledger_transfers (entry_type) VALUES ('generation_hold');
I4: a hold ends twice
    ALTER TABLE ledger_transfers DROP CONSTRAINT uq_ledger_transfers_hold_id;
    INSERT INTO ledger_transfers (entry_type, hold_id) VALUES ('generation_release', $completed_hold);
I4: a hold outlives its generation
    DELETE FROM ledger_transfers WHERE hold_id = $completed_hold;
I4: a hold ends before its generation
    INSERT INTO ledger_transfers (entry_type, hold_id) VALUES ('generation_release', $queued_hold);
I4: what is no hold is ended
    INSERT INTO ledger_transfers (entry_type, hold_id) SELECT 'generation_release', min(id) FROM ledger_transfers
        WHERE entry_type = 'grant';
I4: more comes back than was held
    UPDATE ledger_entries SET amount = amount * 2 WHERE entry_type = 'generation_release';
I4: a hold comes back to somebody else
    UPDATE ledger_entries SET account_id = (
        SELECT account_id FROM ledger_entries WHERE transfer_id = $completed_hold AND account_kind = 'wallet'
    ), seq = 99 WHERE entry_type = 'generation_release' AND account_kind = 'wallet';
I5: completed without a picture
    DELETE FROM generation_results WHERE generation_id = $completed;
I5: completed and given back
    UPDATE ledger_transfers SET entry_type = 'generation_release' WHERE hold_id = $completed_hold;
I5: failed and charged
    UPDATE ledger_transfers SET entry_type = 'generation_capture' WHERE hold_id = $failed_hold;
I5: failed with a picture
    INSERT INTO generation_results (generation_id, position, url) VALUES ($failed, 0,
        'https://pictures.example/1.png');
I5: completed on a trial that is still held
    UPDATE trial_uses SET state = 'held', settled_at = NULL WHERE state = 'used';
I5: failed on a trial that was kept
    UPDATE trial_uses SET state = 'used' WHERE state = 'restored';
I5: another price than what was held
    UPDATE generation_requests SET cost = 2 WHERE id = $completed;
I5: paid by somebody else
    UPDATE generation_requests SET user_id = (SELECT user_id FROM generation_requests WHERE status = 'failed' AND
        hold_id IS NOT NULL) WHERE id = $completed;
I5: somebody else's trial
    UPDATE generation_requests SET user_id = (SELECT user_id FROM generation_requests WHERE status = 'queued')
        WHERE status = 'completed' AND hold_id IS NULL;
I6: two run for one user
    DROP INDEX uq_generation_requests_user_id_active;
    UPDATE generation_requests SET status = 'running', completed_at = NULL,
        user_id = (SELECT user_id FROM generation_requests WHERE status = 'queued') WHERE id = $completed;
I6: more trials than there were
    DROP INDEX uq_trial_uses_user_id_slot_taken;
    INSERT INTO trial_uses (user_id, slot, slot_limit, state, settled_at)
        SELECT user_id, 1, 1, 'used', now() FROM trial_uses WHERE state = 'used' LIMIT 1;
I7: two attempts for one task
    ALTER TABLE generation_jobs DROP CONSTRAINT uq_generation_jobs_provider_provider_job_id;
    UPDATE generation_jobs SET provider_job_id = 'same' WHERE provider_job_id IS NOT NULL;
I7: a second attempt after one that was accepted
    INSERT INTO generation_jobs (generation_id, attempt_no, state, token, provider, provider_job_id) VALUES
        ($completed, 2, 'failed', gen_random_uuid(), 'wavespeed', 'again');
I7: a second attempt without a first
    UPDATE generation_jobs SET attempt_no = 2 WHERE generation_id = $completed;
I7: an attempt lives on after the end
    UPDATE generation_jobs SET state = 'submitted' WHERE generation_id = $completed;
I7: a running one has no attempt
    DELETE FROM generation_jobs WHERE generation_id = $queued;
I8: a key without an effect
    INSERT INTO idempotency_keys (caller, key, fingerprint) VALUES ('bot', 'k', 'f');
I8: two keys for one effect
    INSERT INTO idempotency_keys (caller, key, fingerprint, effect, answer)
        SELECT 'bot', k, 'f', 'generation:' || $completed, '{}' FROM unnest(ARRAY['k1', 'k2']) k;
I8: an effect that is not there
    INSERT INTO idempotency_keys (caller, key, fingerprint, effect, answer) VALUES ('bot', 'k', 'f', 'entry:999999', '{}');
I8: a broadcast that is not there
    INSERT INTO idempotency_keys (caller, key, fingerprint, effect, answer) VALUES ('bot', 'k', 'f', 'broadcast:9', '{}');
I8: a fingerprint is changed
    UPDATE idempotency_keys SET fingerprint = 'x';
I8: another picture than the key asked for
    UPDATE generation_requests SET prompt = 'a blue door' WHERE id = $keyed;
I8: another size than the key asked for
    UPDATE generation_requests SET size = '1*1' WHERE id = $keyed;
I8: another person than the key asked for
    UPDATE users SET telegram_id = 1 WHERE id = (SELECT user_id FROM generation_requests WHERE id = $keyed);
I8: another amount than the key asked for
    INSERT INTO idempotency_keys (caller, key, operation, request, fingerprint, effect, answer)
        SELECT 'admin', 'k', 'o', ask, idempotency_fingerprint('o', ask), 'entry:' || entry.id, '{}' FROM ledger_entries entry
        JOIN ledger_accounts account ON account.id = account_id JOIN users ON users.id = account.user_id
        CROSS JOIN LATERAL jsonb_build_object('telegram_id', telegram_id, 'amount', entry.amount + 1, 'reason',
            description) ask WHERE entry_type = 'grant' LIMIT 1;
I9: a deadline has passed
    UPDATE generation_requests SET deadline_at = now() - interval '2 minutes' WHERE id = $queued;
I9: an attempt is older than its deadline
    UPDATE generation_requests SET deadline_at = now() - interval '2 minutes' WHERE id = $completed;
    UPDATE generation_jobs SET state = 'submitted' WHERE generation_id = $completed;
I9: a hold is older than its deadline
    UPDATE generation_requests SET deadline_at = now() - interval '2 minutes' WHERE id = $completed;
    DELETE FROM ledger_transfers WHERE hold_id = $completed_hold;
I9: a trial is older than its deadline
    UPDATE generation_requests SET deadline_at = now() - interval '2 minutes' WHERE hold_id IS NULL;
    UPDATE trial_uses SET state = 'held', settled_at = NULL WHERE id IN (SELECT trial_use_id FROM generation_requests);
I10: the chain writes itself no more
    ALTER TABLE ledger_entries DISABLE TRIGGER ledger_entries_chain;
I10: the sums are checked no more
    DROP TRIGGER ledger_entries_zero_sum ON ledger_entries;
I10: the guard of entries is off
    ALTER TABLE ledger_entries DISABLE TRIGGER ledger_append_only;
I10: the guard of transfers is gone
    DROP TRIGGER ledger_append_only ON ledger_transfers;
I10: the guard sleeps
    ALTER TABLE ledger_transfers ENABLE REPLICA TRIGGER ledger_append_only;
I10: operators' deeds are guarded no more
    DROP TRIGGER operator_actions_append_only ON operator_actions;
I10: an entry was changed and changed back
    UPDATE ledger_entries SET amount = amount;
I10: an entry was deleted
    DELETE FROM ledger_entries WHERE id = (SELECT max(id) FROM ledger_entries);
I8: another package than the key asked for
    UPDATE payment_orders SET package_id = 4 WHERE id = $paid;
I11: a payment is credited to nobody
    DELETE FROM payment_charges WHERE order_id = $paid;
I11: an order is paid without money
    UPDATE payment_orders SET status = 'paid', paid_at = now() WHERE status = 'pending';
I11: more is credited than was bought
    UPDATE payment_orders SET credits = credits - 1 WHERE id = $paid;
I11: less was paid than it costs
    UPDATE payment_charges SET amount = amount - 1 WHERE order_id = $paid;
I11: somebody else's payment
    UPDATE payment_orders SET user_id = (SELECT user_id FROM payment_orders WHERE status = 'refunded') WHERE id = $paid;
I11: one payment is credited twice
    ALTER TABLE payment_charges DROP CONSTRAINT uq_payment_charges_telegram_charge_id;
    UPDATE payment_charges SET telegram_charge_id = 'same';
I11: a topup of no payment
    UPDATE payment_charges SET transfer_id = (SELECT min(id) FROM ledger_transfers) WHERE order_id = $paid;
I12: refunded without a refund
    UPDATE payment_orders SET status = 'refunded' WHERE id = $paid;
I12: a refund of an order that is paid
    UPDATE payment_orders SET status = 'paid' WHERE status = 'refunded';
I12: refunded twice
    DROP INDEX uq_payment_refunds_order_id_live;
    INSERT INTO payment_refunds (order_id, state, source, transfer_id, shortfall, finished_at)
        SELECT order_id, 'refunded', 'update', (SELECT min(id) FROM ledger_transfers), 10, now() FROM payment_refunds
        WHERE state = 'refunded';
I12: a refund that took less
    UPDATE payment_refunds SET shortfall = 1 WHERE state = 'refunded';
I12: a refused refund gave nothing back
    UPDATE payment_refunds SET return_transfer_id = (SELECT min(id) FROM ledger_transfers) WHERE state = 'refused';
I12: a transfer of no refund
    DELETE FROM payment_refunds WHERE state = 'refused';
"""


def _read(text: str) -> list[tuple[str, str, str]]:
    plants: list[tuple[str, str, str]] = []
    for line in text.strip().splitlines():
        if line.startswith(" "):
            invariant, what, statements = plants.pop()
            plants.append((invariant, what, f"{statements}\n{line}"))
        else:
            invariant, _, what = line.partition(": ")
            plants.append((invariant, what, ""))
    return plants


PLANTS = [(invariant, what, Template(statements).substitute(_NAMES)) for invariant, what, statements in _read(_PLANTS)]

TOUCH_NO_WALLET = {
    "a transfer moves nothing",
    "a hold belongs to no generation",
    "completed on a trial that is still held",
    "failed on a trial that was kept",
    "two attempts for one task",
    "a key without an effect",
    "two keys for one effect",
    "an effect that is not there",
    "an order is paid without money",
    "a broadcast that is not there",
    "a fingerprint is changed",
    *(what for invariant, what, _ in PLANTS if invariant in {"I9", "I10"}),
}
"""Nobody's wallet can be told from these: they are alarms, and freeze nothing."""
