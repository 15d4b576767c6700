"""What a call of the API can end in.

ApiError
  ApiRefusalError      it answered with a problem: a stable code and that error's own members
  ApiAwayError         no answer, or one that is none of this API's: whether it was done is not known
"""

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """A call that did not bring what it was made for. `is_in_doubt`: it may have been done all the same."""

    code = "api_away"
    is_in_doubt = True


class ApiAwayError(ApiError):
    """The API did not answer; a call with an idempotency key may be sent again."""


class ApiRefusalError(ApiError):
    """The API said no. `code` is stable (docs/errors.md), `members` are those of that error."""

    def __init__(self, status: int, code: str, members: Mapping[str, Any], *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.members = members
        self.retry_after_s = retry_after_s
        # A database that went away in the middle of a commit is a 503, too.
        self.is_in_doubt = status >= 500  # noqa: PLR2004 - where the API's own failures begin
