"""SQL that stores an order: the everyday one at once, payment and key included, and any other one once it is paid for."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import wire
from app.domain.catalogue.parts import OFFER
from app.domain.generations import queries
from app.domain.generations.rules import PROVIDER
from app.domain.generations.schemas import GenerationRead
from app.domain.idempotency.parts import KEEP, UNUSED
from app.domain.idempotency.schemas import Ticket
from app.domain.ledger.parts import HOLD
from app.domain.trial.parts import REDEEM
from app.queue.enqueue import ENQUEUE_PART

LOCK_WAIT_MS = 200
_JSON_COLUMNS = ("input_params", "client_context")
_MADE_HERE = frozenset({"model_key", "style", "trial_used", "queue_position"})
_STORED = ", ".join(f"request.{name}" for name in GenerationRead.model_fields if name not in _MADE_HERE)

_ATTEMPT = f"""
    attempt AS (
        INSERT INTO generation_jobs (generation_id, attempt_no, state, token, provider)
        SELECT id, 1, 'ready', CAST(:token AS uuid), '{PROVIDER}' FROM request RETURNING id
    ), shown AS (
        SELECT {_STORED}, CAST(:model_key AS text) AS model_key, CAST(NULL AS text) AS style,
            request.trial_use_id IS NOT NULL AS trial_used, (
                SELECT count(*) + 1 FROM (
                    SELECT FROM generation_requests ahead
                    WHERE ahead.status = 'queued' AND ahead.id < request.id LIMIT :places_max
                ) counted
            ) AS queue_position
        FROM request
    )
"""  # noqa: S608 - our own words, nothing from outside

# Position n of one list and position n of the other are the same picture; the shorter list is filled up with nulls.
_INSERT_ORDER = wire.Statement(
    text(f"""
    WITH request AS (
        INSERT INTO generation_requests (
            public_id, user_id, model_id, prompt, status, size, aspect_ratio, resolution, input_params, client_context,
            references_count, cost, hold_id, trial_use_id, request_id, deadline_at
        ) VALUES (
            :public_id, :user_id, :model_id, :prompt, 'queued', :size, :aspect_ratio, :resolution, :input_params, :client_context,
            :references_count, :cost, :hold_id, :trial_use_id, :request_id, now() + make_interval(secs => :deadline_s)
        ) RETURNING *
    ), reference AS (
        INSERT INTO generation_references (generation_id, position, url, file_id)
        SELECT request.id, given.place - 1, given.url, given.file_id FROM request CROSS JOIN
            unnest(CAST(:reference_urls AS text[]), CAST(:reference_file_ids AS text[])) WITH ORDINALITY given (url, file_id, place)
    ), {_ATTEMPT}
    SELECT shown.*, attempt.id AS job_id FROM shown CROSS JOIN attempt
    """).bindparams(*(bindparam(name, type_=JSONB) for name in _JSON_COLUMNS))  # noqa: S608 - likewise
)

# A generation that runs is its person's newest. Looking for it among those that run would be an index scan of all of them whenever
# PostgreSQL has counted none at its last look.
# Nothing here waits for another order: whoever is at one has the user's lock (migration 0011), and is somebody for the careful way.
# The row's own lock is for a ban that is just being written: this waits for it, and then looks at the row again. `patience` comes
# first because `buyer` is made from it. What the constraints refuse undoes all of it.
_ORDER_AT_ONCE = wire.Statement(
    text(f"""
    WITH patience AS MATERIALIZED (
        SELECT set_config('lock_timeout', '{LOCK_WAIT_MS}', true)
    ), person AS MATERIALIZED (
        SELECT person.id FROM patience CROSS JOIN users person
        WHERE patience.set_config IS NOT NULL AND person.telegram_id = :telegram_id AND person.banned_at IS NULL
            AND pg_try_advisory_xact_lock(hashtextextended('generation of user ' || person.id::text, 0))
        FOR SHARE OF person
    ), {OFFER}, {UNUSED}, buyer AS (
        SELECT id FROM person CROSS JOIN offer CROSS JOIN fresh WHERE coalesce((
            SELECT newest.status FROM generation_requests newest WHERE newest.user_id = person.id ORDER BY newest.id DESC LIMIT 1
        ), '') NOT IN ('queued', 'running')
    ), {REDEEM}, unpaid (user_id, amount) AS (
        SELECT id, CAST(:price AS bigint) FROM buyer WHERE NOT EXISTS (SELECT FROM trial_use)
    ), {HOLD}, request AS (
        INSERT INTO generation_requests (
            public_id, user_id, model_id, prompt, status, size, aspect_ratio, resolution, input_params, client_context,
            references_count, cost, hold_id, trial_use_id, request_id, deadline_at
        )
        SELECT
            CAST(:public_id AS uuid), buyer.id, CAST(:model_id AS bigint), CAST(:prompt AS text), 'queued', CAST(:size AS text),
            CAST(:aspect_ratio AS text), CAST(:resolution AS text), CAST(:input_params AS jsonb), CAST(:client_context AS jsonb),
            0, CASE WHEN hold.id IS NULL THEN 0 ELSE CAST(:price AS bigint) END, hold.id, trial_use.id, CAST(:request_id AS text),
            now() + make_interval(secs => :deadline_s)
        FROM buyer LEFT JOIN hold ON true LEFT JOIN trial_use ON true WHERE num_nonnulls(hold.id, trial_use.id) = 1
        RETURNING *
    ), {_ATTEMPT}, due (key) AS (
        SELECT id FROM request
    ), {ENQUEUE_PART}, told (effect, answer) AS (
        SELECT 'generation:' || shown.id, jsonb_build_object(
            'request', to_jsonb(shown), 'job_id', attempt.id, 'provider_job_id', NULL, 'trial_used', shown.trial_used
        ) FROM shown CROSS JOIN attempt
    ), {KEEP}
    SELECT shown.*, attempt.id AS job_id FROM shown CROSS JOIN attempt
    """)  # noqa: S608 - likewise
)
_NO_KEY: Mapping[str, str | None] = {"caller": None, "key": None, "operation": None, "asked": None}


async def insert_order(
    session: AsyncSession, values: dict[str, Any], *, model_key: str, deadline_s: float, token: UUID
) -> tuple[GenerationRead, int]:
    """Store an order that is paid for, with its references and an attempt that may be sent, in one statement.

    `values` are the columns of the request, and `reference_urls` and `reference_file_ids` in the order given. Returns what is
    shown of it, and the attempt's id.
    """
    more = {"model_key": model_key, "deadline_s": deadline_s, "token": token, "places_max": queries.PLACES_COUNTED_MAX}
    (row,) = await wire.fetch(session, _INSERT_ORDER, {**values, **_as_json(values), **more})
    return _read(row)


async def insert_order_at_once(
    session: AsyncSession,
    values: dict[str, Any],
    *,
    telegram_id: int,
    price: int,
    slot_limit: int,
    ticket: Ticket | None,
    model_key: str,
    deadline_s: float,
    token: UUID,
) -> tuple[GenerationRead, int] | None:
    """Take a free generation or hold `price` credits, store the order and its attempt, queue it, keep its key and answer.

    All in one statement; `values` as for `insert_order`, without payment and references. None, and nothing of it, when the person
    is unknown, banned, at another order or without means, the key was used, or the model is not on sale at this price. Raises
    DBAPIError when a constraint refuses it or a lock takes too long.
    """
    more = {
        "telegram_id": telegram_id,
        "price": price,
        "slot_limit": slot_limit,
        "hold_reference": str(values["public_id"]),
        "hold_description": model_key,
        "model_key": model_key,
        "deadline_s": deadline_s,
        "token": token,
        "places_max": queries.PLACES_COUNTED_MAX,
    }
    row = await wire.fetch_row(session, _ORDER_AT_ONCE, {**values, **_as_json(values), **more, **_key_of(ticket)})
    return None if row is None else _read(row)


def _key_of(ticket: Ticket | None) -> Mapping[str, str | None]:
    if ticket is None:
        return _NO_KEY
    return {"caller": ticket.caller, "key": ticket.key, "operation": ticket.operation, "asked": json.dumps(ticket.request)}


def _as_json(values: dict[str, Any]) -> dict[str, str | None]:
    return {name: None if values[name] is None else json.dumps(values[name]) for name in _JSON_COLUMNS}


def _read(row: asyncpg.Record) -> tuple[GenerationRead, int]:
    return GenerationRead.model_validate(dict(row)), int(row["job_id"])
