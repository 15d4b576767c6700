"""The verbs of the provider's health: recall, admit, note. Every process reads and moves the same row, with or without Redis.

Nobody waits for a connection of the provider here, and the row's lock is taken last or alone, so it cannot be part of a deadlock.
"""

from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.logging import get_logger
from app.core.metrics import BREAKER_OPENINGS
from app.domain.supply import queries
from app.provider import health
from app.provider.health import AT_ONCE, Breaker, Standing, Trouble
from app.queue.enqueue import GENERATE, hasten_all
from app.resources import Resources

FRESH_S = 0.5
_MEMORY = "provider standing"

_log = get_logger(__name__)


@dataclass(frozen=True)
class Pass:
    """Whether an attempt may be sent now (`wait_s` is None), and for which opening of the breaker it is a probe."""

    wait_s: float | None = None
    probe: int | None = None


FREE_PASS = Pass()


async def recall(resources: Resources, session: AsyncSession) -> Standing:
    """The provider's health as this process knows it, at most half a second old; read with `session` when it is older.

    Not with a session of its own: a request that needs a second connection while it holds one can wait for itself.
    """
    return await resources.memory.recall(_MEMORY, partial(read, session, resources.settings), fresh_s=FRESH_S)


async def read(session: AsyncSession, settings: Settings) -> Standing:
    """The provider's health now. A breaker that is switched off is always closed."""
    return _if_on(await queries.get_standing(session), settings)


async def admit_order(session: AsyncSession, known: Standing) -> float | None:
    """Whether a new order may be accepted; None: yes, else ask again after so many seconds. `known` is what was recalled.

    An order that is refused further on rolls this back with everything else, and the next one may try.
    """
    if not known.breaker.is_open:
        return None
    if known.order_in_s > 0:
        return known.order_in_s
    standing = await queries.lock_standing_if_free(session)
    if standing is None:
        return health.ORDER_PAUSE_S
    if not standing.breaker.is_open:
        return None
    admitting = health.let_order(standing.breaker, standing.now)
    if admitting is None:
        return standing.order_in_s
    await queries.save_breaker(session, admitting)
    return None


async def admit_attempt(session: AsyncSession, known: Standing) -> Pass:
    """Whether an attempt that waits in the queue may be sent. `known` is what was recalled.

    Who has to wait knows it from the locked row: whoever closes the breaker has it before or after this transaction, and hastens
    what this one has put off (queue/enqueue.py, `rest`).
    """
    if not known.breaker.is_open:
        return FREE_PASS
    standing = await queries.lock_standing(session)
    if not standing.breaker.is_open:
        return FREE_PASS
    probing = health.let_probe(standing.breaker, standing.now)
    if probing is None:
        return Pass(wait_s=standing.probe_in_s)
    await queries.save_breaker(session, probing)
    return Pass(probe=probing.opening)


async def note(session: AsyncSession, settings: Settings, trouble: Trouble | None, *, probe: int | None, detail: str) -> bool:
    """Write down how a submit ended (`trouble` is None when the provider took it); whether that opened the breaker.

    When it closes the breaker, all that waits is sent on.
    """
    limit = settings.wavespeed_breaker_failures
    if limit == 0:
        return False
    standing = await queries.lock_standing(session)
    before = standing.breaker
    if trouble is None:
        after = health.worked(before, probe=probe)
    else:
        after = health.failed(before, trouble, standing.now, limit=limit, probe=probe)
    if after == before:
        return False
    await queries.save_breaker(session, after)
    has_opened = after.opening != before.opening
    if has_opened:
        BREAKER_OPENINGS.labels(reason=trouble).inc()
        tell = _log.error if trouble in AT_ONCE else _log.warning
        tell("provider_breaker_opened", reason=trouble, detail=detail, opened_in_row=after.opened_in_row)
    elif before.is_open:
        _log.warning("provider_breaker_closed", reason=before.reason)
        await hasten_all(session, GENERATE)
    return has_opened


async def note_balance(session: AsyncSession, settings: Settings, usd: float) -> None:
    """Write down what the provider's account has; an account with money again is tried again at once."""
    before = await queries.lock_standing(session)
    await queries.save_balance(session, usd, before.now)
    minimum = settings.wavespeed_balance_min_usd
    is_low, was_low = usd < minimum, before.balance_usd is not None and before.balance_usd < minimum
    if is_low and not was_low:
        _log.warning("provider_balance_low", balance_usd=usd, minimum_usd=minimum, effect="new orders are refused; top it up")
    elif was_low and not is_low:
        _log.info("provider_balance_restored", balance_usd=usd, minimum_usd=minimum)
    has_risen = before.balance_usd is not None and usd > before.balance_usd
    reason = before.breaker.reason
    if reason is Trouble.KEY_REFUSED or (reason is Trouble.OUT_OF_CREDIT and has_risen and not is_low):
        await queries.save_breaker(session, health.mended(before.breaker, before.now))
        await hasten_all(session, GENERATE)


def forget(resources: Resources) -> None:
    """This process has changed the standing, and wants to see it."""
    resources.memory.forget(_MEMORY)


def _if_on(standing: Standing, settings: Settings) -> Standing:
    return standing if settings.wavespeed_breaker_failures else replace(standing, breaker=Breaker())
