"""What the simulator is started with, and the behaviour that can be changed while it runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

DEFAULT_WEBHOOK_SECRET = "whsec_0123456789abcdef0123456789abcdef"  # noqa: S105 - the vector of protocol 4.3
REQUEST_LOG_MAX = 20_000
DEFAULT_BALANCE_USD = Decimal(100_000)


@dataclass(frozen=True, slots=True)
class Tier:
    """One account level: pictures a minute and tasks at the same time; None is no limit (protocol 5.4)."""

    per_minute: int | None
    concurrent: int | None


TIERS: dict[str, Tier] = {
    "bronze": Tier(per_minute=2, concurrent=2),
    "silver": Tier(per_minute=500, concurrent=300),
    "gold": Tier(per_minute=3000, concurrent=3000),
    "ultra": Tier(per_minute=5000, concurrent=10_000),
    "unlimited": Tier(per_minute=None, concurrent=None),
}


class BehaviourError(ValueError):
    """A behaviour was given an unknown name or a value outside its range; the text says which."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at_least_zero(value: object) -> bool:
    return _is_number(value) and value >= 0  # type: ignore[operator]


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _optional(rule: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or rule(value)


def _one_of(*choices: object) -> Callable[[object], bool]:
    return lambda value: any(value == choice and type(value) is type(choice) for choice in choices)


_SECONDS = ("a number of seconds, 0 or more", _at_least_zero)
_SWITCH = ("true or false", _one_of(True, False))
_LIMIT = ("a whole number or null", _optional(_count))

_RULES: dict[str, tuple[str, Callable[[object], bool]]] = {
    "delay_s": _SECONDS,
    "tier": (f"one of {', '.join(TIERS)}", _one_of(*TIERS)),
    "concurrency_limit": _LIMIT,
    "per_minute_limit": _LIMIT,
    "over_limit": ("queue or 429", _one_of("queue", "429")),
    "unknown_keys": ("drop or reject", _one_of("drop", "reject")),
    "retry_after_s": ("a number of seconds or null", _optional(_at_least_zero)),
    "legacy_fields": _SWITCH,
    "sync_window_s": _SECONDS,
    "sync_timeout_mode": ("5004 or 504", _one_of("5004", "504")),
    "history_total": _SWITCH,
    "binary_upload_gone": ("404, 405, 410 or null", _optional(_one_of(404, 405, 410))),
    "discount_rate": ("a percentage from 0 to 100", lambda value: _at_least_zero(value) and value <= 100),  # type: ignore[operator] # noqa: PLR2004
    "ticket_ttl_s": _SECONDS,
    "webhook_retries": ("a whole number", _count),
    "webhook_backoff_s": _SECONDS,
    "webhook_timeout_s": _SECONDS,
}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Everything `PUT /sim/config` can change; the README says what each one does.

    Raises BehaviourError when a value is outside its range.
    """

    delay_s: float = 1.0
    tier: str = "unlimited"
    concurrency_limit: int | None = None
    per_minute_limit: int | None = None
    over_limit: str = "queue"
    unknown_keys: str = "drop"
    retry_after_s: float | None = None
    legacy_fields: bool = False
    sync_window_s: float = 90.0
    sync_timeout_mode: str = "5004"
    history_total: bool = True
    binary_upload_gone: int | None = None
    discount_rate: float = 100
    ticket_ttl_s: float = 3600.0
    webhook_retries: int = 3
    webhook_backoff_s: float = 1.0
    webhook_timeout_s: float = 10.0

    def __post_init__(self) -> None:
        for entry in fields(self):
            wanted, rule = _RULES[entry.name]
            if not rule(getattr(self, entry.name)):
                raise BehaviourError(f"{entry.name} must be {wanted}, got {getattr(self, entry.name)!r}")

    def changed(self, changes: Mapping[str, Any]) -> "Behaviour":
        """Return a copy with the changes; raises BehaviourError for an unknown name or a bad value."""
        unknown = sorted(set(changes) - set(_RULES))
        if unknown:
            raise BehaviourError(f"unknown setting {', '.join(unknown)}; known: {', '.join(_RULES)}, balance")
        return replace(self, **changes)

    @property
    def concurrent_max(self) -> int | None:
        """How many tasks may run at once: the explicit limit, else the tier's (protocol 5.4)."""
        return self.concurrency_limit if self.concurrency_limit is not None else TIERS[self.tier].concurrent

    @property
    def per_minute_max(self) -> int | None:
        """How many tasks a minute are accepted: the explicit limit, else the tier's (protocol 5.4)."""
        return self.per_minute_limit if self.per_minute_limit is not None else TIERS[self.tier].per_minute


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """What a simulator is started with; `behaviour` is the part that can be changed later."""

    api_key: str
    host: str = "127.0.0.1"
    port: int = 0
    asset_port: int = 0
    public_url: str | None = None
    asset_url: str | None = None
    webhook_secret: str = DEFAULT_WEBHOOK_SECRET
    balance: Decimal = DEFAULT_BALANCE_USD
    state_dir: Path | None = None
    log_level: str = "warning"
    request_log_max: int = REQUEST_LOG_MAX
    behaviour: Behaviour = field(default_factory=Behaviour)
