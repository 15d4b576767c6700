"""Seeded bugs where users are told: deliveries, broadcasts, bans."""

from tests.mutants.bug import Bug, bug

_DELIVERIES = "domain/deliveries/"
_BROADCASTS = "domain/broadcasts/"

BUGS: tuple[Bug, ...] = (
    bug(
        "two bots get the same deliveries",
        _DELIVERIES + "queries.py",
        "LIMIT :limit FOR UPDATE SKIP LOCKED",
        "LIMIT :limit",
        "races/test_delivery_races.py",
    ),
    bug(
        "an old claim ends a delivery",
        _DELIVERIES + "queries.py",
        "file_ids = :file_ids\n    WHERE generation_id = :generation_id AND epoch = :epoch AND",
        "file_ids = :file_ids\n    WHERE generation_id = :generation_id AND",
        "api/test_deliveries.py::TestFinish",
    ),
    bug(
        "who stood still past the lease sends",
        _DELIVERIES + "queries.py",
        "AND state = 'sending' AND claimable_at > clock_timestamp()",
        "AND state = 'sending'",
        "api/test_deliveries.py::TestStart",
    ),
    bug(
        "a postponed delivery has used up its sending",
        _DELIVERIES + "queries.py",
        "sends = sends - CASE WHEN started_epoch = epoch THEN 1 ELSE 0 END,",
        "sends = sends,",
        "api/test_deliveries.py::TestFinish",
    ),
    bug(
        "a cursor moves backwards",
        _DELIVERIES + "queries.py",
        "func.greatest(FeedCursor.last_event_id, statement.excluded.last_event_id)",
        "statement.excluded.last_event_id",
        "api/test_feed_cursors.py",
    ),
    bug(
        "a recipient is handed out until he is reported",
        _BROADCASTS + "queries.py",
        "SET state = 'claimed', claim",
        "SET state = 'due', claim",
        "api/test_broadcasts.py::TestClaim",
    ),
    bug(
        "an old report frees somebody whom a later claim has",
        _BROADCASTS + "queries.py",
        " AND recipient.claim = :claim",
        "",
        "api/test_broadcasts.py::TestReport",
    ),
    bug(
        "a stopped broadcast goes on",
        _BROADCASTS + "service.py",
        "    if broadcast.state != BroadcastState.RUNNING:\n",
        "    if broadcast.state == BroadcastState.DONE:\n",
        "api/test_broadcasts.py::TestStop",
    ),
    bug(
        "a ban does not wait for the order that is being taken",
        "domain/operators/service.py",
        "    await generations.hold_up(session, user.id)\n",
        "",
        "api/test_bans.py::TestRace",
    ),
    bug(
        "an order does not look for a ban",
        "domain/generations/ordering.py",
        "    if bars.is_banned:\n        raise BannedError\n",
        "",
        "api/test_bans.py",
    ),
    bug(
        "a banned Telegram user still reads",
        "deps/caller.py",
        "            await users.refuse_banned(session, caller.telegram_id)\n",
        "            pass\n",
        "api/test_bans.py::TestTelegramUser",
    ),
)
