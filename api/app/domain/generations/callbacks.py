"""The provider's webhook: a hint that there is news, never the news itself.

It is believed in two things only, and only when signed: that the job of its token should look now, and which task an attempt has
whose answer was lost. The worker reads the task from the provider and settles by the usual path, so a forged, replayed or doubled
webhook costs one read at most and moves nothing.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from uuid import UUID

from app.core import clock
from app.core.logging import get_logger
from app.domain.generations import attempt_queries
from app.domain.generations.errors import InvalidSignatureError, WebhookNotFoundError, WebhookTooLargeError
from app.domain.generations.rules import LIVE_STATES, AttemptState
from app.provider import signature
from app.queue.enqueue import GENERATE, wake
from app.resources import Resources

BODY_BYTES_MAX = 256 * 1024

_TASK_ID = re.compile(r"[A-Za-z0-9_-]{4,128}", re.ASCII)

_log = get_logger(__name__)


async def receive(resources: Resources, token: str, *, headers: Mapping[str, str], body: AsyncIterator[bytes]) -> None:
    """Wake the job that this webhook is about. Of a generation that failed at its deadline, have the provider asked about the task:
    it is an orphan then (reconciliation.py). Does nothing for one that ended otherwise.

    Raises WebhookNotFoundError (webhooks are off, or there is no such token), WebhookTooLargeError, InvalidSignatureError.
    """
    secret = resources.settings.wavespeed_webhook_secret
    if secret is None or resources.settings.webhook_base_url is None:
        raise WebhookNotFoundError
    raw = await _read(body)
    if not signature.is_genuine(secret.get_secret_value(), headers, raw, now_s=clock.utc_now().timestamp()):
        raise InvalidSignatureError
    await _wake(resources, _parse_token(token), _task_id(raw))


async def _read(body: AsyncIterator[bytes]) -> bytes:
    raw = bytearray()
    async for chunk in body:
        raw += chunk
        if len(raw) > BODY_BYTES_MAX:
            raise WebhookTooLargeError
    return bytes(raw)


async def _wake(resources: Resources, token: UUID, task_id: str | None) -> None:
    async with resources.transaction() as session:
        found = await attempt_queries.find_by_token(session, token)
        if found is None:
            raise WebhookNotFoundError
        generation_id, state = found
        if state not in (*LIVE_STATES, AttemptState.EXPIRED) or state is AttemptState.READY:
            return
        is_bound = task_id is not None and await attempt_queries.bind_task(session, token, task_id)
        if state is AttemptState.EXPIRED:
            await attempt_queries.mark_news(session, token)
        else:
            await wake(session, GENERATE, generation_id)
    _log.info("webhook_accepted", generation_id=generation_id, found_task=is_bound)


def _parse_token(token: str) -> UUID:
    try:
        return UUID(token)
    except ValueError as error:
        raise WebhookNotFoundError from error


def _task_id(raw: bytes) -> str | None:
    """The prediction's id in the payload, which is the bare prediction; None when there is none to be had."""
    try:
        payload = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    task_id = payload.get("id") if isinstance(payload, dict) else None
    return task_id if isinstance(task_id, str) and _TASK_ID.fullmatch(task_id) else None
