"""The root of every error that a caller may see.

    RassomError
    ├── one class per case, beside the code that raises it: app/domain/*/errors.py, app/deps/*, app/middlewares/*
    └── ProviderUnavailableError, ProviderNotConfiguredError, ServiceUnavailableError (here: more than one room raises them)

A class carries its stable `code`, its HTTP `status` and its `title`; an instance carries the `detail` and the members that the
contract promises for that code. `app/core/exception_handlers.py` renders them as RFC 9457 problems; `docs/errors.md` explains them.
"""

from typing import Any, ClassVar


class RassomError(Exception):
    """An expected refusal: `detail` is for the caller's eyes, `members` are added to the problem, `headers` to the answer."""

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]

    def __init__(self, detail: str, *, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}
        self.members = members


class ProviderNotConfiguredError(RassomError):
    """There is no provider key: nothing can be generated and nothing was held."""

    code = "provider_not_configured"
    status = 503
    title = "No image provider is configured"

    def __init__(self) -> None:
        super().__init__("This installation has no provider key. Its operator has to set WAVESPEED_API_KEY; no credit was touched.")


class ProviderUnavailableError(RassomError):
    """The provider is known to be down or unpaid: refused before anything was held."""

    code = "provider_unavailable"
    status = 503
    title = "The image provider cannot be used at the moment"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})


class ServiceUnavailableError(RassomError):
    """The database cannot serve this request now: restart, full pool, lock timeout, deadlock.

    As a rule nothing was changed; whether a commit whose connection was lost went through, only a repeat can tell.
    """

    code = "service_unavailable"
    status = 503
    title = "Rassom is busy or restarting"

    def __init__(self) -> None:
        super().__init__(
            "The database could not serve this request. Send it again, with the same Idempotency-Key if it had one.",
            headers={"Retry-After": "1"},
        )
