"""The life of a generation and of its attempts. Pure."""

import ipaddress
import re
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import urlsplit

PROVIDER = "wavespeed"


class Status(StrEnum):
    """A generation as its owner sees it."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptState(StrEnum):
    """One try at the provider. Only `ready` may be sent, and whoever sends it has committed `submitting` before."""

    READY = "ready"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


ACTIVE_STATUSES = (Status.QUEUED, Status.RUNNING)
LIVE_STATES = (AttemptState.READY, AttemptState.SUBMITTING, AttemptState.SUBMITTED, AttemptState.UNKNOWN)


class FailureCode(StrEnum):
    """Why a generation failed (`error_code`). In every case what was held has been given back."""

    CONTENT_REFUSED = "content_refused"
    INVALID_INPUT = "invalid_input"
    REFERENCE_UNREADABLE = "reference_unreadable"
    PROVIDER_FAILED = "provider_failed"
    PROVIDER_REFUSED = "provider_refused"
    PROVIDER_TIMEOUT = "provider_timeout"
    PROVIDER_LOST = "provider_lost"
    NO_IMAGE = "no_image"
    DEADLINE_EXCEEDED = "deadline_exceeded"


FAILURE_MESSAGES: Mapping[FailureCode, str] = {
    FailureCode.CONTENT_REFUSED: "The provider refused this prompt or picture as sensitive.",
    FailureCode.INVALID_INPUT: "The provider refused one of the parameters.",
    FailureCode.REFERENCE_UNREADABLE: "The provider could not read one of the reference images.",
    FailureCode.PROVIDER_FAILED: "The provider could not make this picture.",
    FailureCode.PROVIDER_REFUSED: "The provider did not accept the request.",
    FailureCode.PROVIDER_TIMEOUT: "The provider gave up on this picture.",
    FailureCode.PROVIDER_LOST: "The provider no longer knows this picture.",
    FailureCode.NO_IMAGE: "The provider finished without a picture.",
    FailureCode.DEADLINE_EXCEEDED: "The picture was not ready in time.",
}

_TASK_CODES = {
    1200: FailureCode.CONTENT_REFUSED,
    1400: FailureCode.INVALID_INPUT,
    1401: FailureCode.INVALID_INPUT,
    1402: FailureCode.REFERENCE_UNREADABLE,
    5004: FailureCode.PROVIDER_TIMEOUT,
}


_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


def failure_of(task_code: int | None) -> FailureCode:
    """The failure code for the provider's business code of a failed task (its documentation's error-code table)."""
    return _TASK_CODES.get(task_code or 0, FailureCode.PROVIDER_FAILED)


def refusal_delay_s(attempt_no: int, retry_after_s: float | None) -> float:
    """How long to wait after the n-th definite refusal: 1, 2, 4 … 60 s, or longer when the provider says so."""
    return max(min(60.0, 2.0 ** min(attempt_no - 1, 6)), retry_after_s or 0.0)


def line_max(*, queue_max: int, slots: int, deadline_s: float, task_s: float | None) -> int:
    """How many orders may wait. A new one waits for those before it, for a slot to be freed, and for its own picture, and all of
    it must fit into the deadline; `task_s` is how long a picture takes, None while nobody knows. Every slot may have one waiting.
    """
    if not task_s:
        return queue_max
    return min(queue_max, max(slots, int(slots * (deadline_s / task_s - 2))))


def check_reference_url(url: str, *, is_local_allowed: bool) -> None:
    """Raise ValueError unless the provider may be sent to fetch `url`: https, a public host, no credentials in it.

    `is_local_allowed` is for a provider on this machine (the simulator), whose uploads are on loopback http.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if not url.isprintable() or " " in url or "\\" in url:
        msg = "must not contain spaces, backslashes or control characters"
        raise ValueError(msg)
    if host is None or parts.port == 0 or parts.username is not None or parts.password is not None:
        msg = "must be an https URL with a host and without credentials"
        raise ValueError(msg)
    if is_local_allowed and parts.scheme == "http" and _is_loopback(host):
        return
    if parts.scheme != "https":
        msg = "must start with https://"
        raise ValueError(msg)
    if not _is_public(host):
        msg = "must point to a public host"
        raise ValueError(msg)


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address.is_loopback if address else host == "localhost"


def _is_public(host: str) -> bool:
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address):
        # Outside stand the addresses that wrap an IPv4 one (mapped, translated) and those of a link or site.
        return address in _GLOBAL_UNICAST and address.sixtofour is None and address.is_global
    if address is not None:
        return address.is_global and not address.is_multicast
    try:
        name = host.encode("idna").decode()  # as a resolver reads it: full-width letters, digits and dots are plain ones
    except UnicodeError:
        return False
    labels = name.rstrip(".").split(".")
    # A last label that starts with a digit is an address in disguise (127.1, 0x7f.1): no top-level domain looks like that.
    is_name = re.fullmatch(r"[a-z0-9_.-]+", name) is not None and len(labels) > 1 and not labels[-1][:1].isdigit()
    return is_name and labels[-1] not in {"localhost", "local", "internal"}


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
