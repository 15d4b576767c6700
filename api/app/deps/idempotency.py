"""The Idempotency-Key header, checked and ready to be turned into a ticket."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Response
from starlette.datastructures import MutableHeaders

from app.deps.caller import Caller, get_caller
from app.domain.idempotency.schemas import Ticket

REPLAYED_HEADER = "Idempotency-Replayed"
KEY_LENGTH_MAX = 255
KEY_PATTERN = r"^[\x21-\x7e]+$"
_KEY = re.compile(r"[\x21-\x7e]+")
KEY_HEADER = Header(
    alias="Idempotency-Key",
    description="Repeat a request with the same key and it happens once",
    min_length=1,
    max_length=KEY_LENGTH_MAX,
    pattern=KEY_PATTERN,
    examples=["5f0c7a4e-8b1d-4c52-9d39-1f6f2a3b4c5d"],
)


@dataclass(frozen=True)
class Idempotency:
    """The key of this request and the answer's headers."""

    caller_id: str
    key: str
    headers: MutableHeaders

    def ticket(self, operation: str, body: Any) -> Ticket:
        """What the service keeps of this request; `body` is its validated JSON."""
        return Ticket(caller=self.caller_id, key=self.key, operation=operation, request=body)

    def mark(self, *, is_replay: bool) -> None:
        """Say in the answer that it is the one of an earlier request."""
        if is_replay:
            self.headers[REPLAYED_HEADER] = "true"


async def require_idempotency(
    response: Response, caller: Annotated[Caller, Depends(get_caller)], key: Annotated[str, KEY_HEADER]
) -> Idempotency:
    """For what must not happen twice: the key has to be there."""
    return Idempotency(caller.id, key, response.headers)


async def find_idempotency(
    response: Response, caller: Annotated[Caller, Depends(get_caller)], key: Annotated[str | None, KEY_HEADER] = None
) -> Idempotency | None:
    """The key, if the client has sent one."""
    return None if key is None else Idempotency(caller.id, key, response.headers)


def is_key(sent: str | None) -> bool:
    """Whether this may stand in the header, or that there is none."""
    return sent is None or (len(sent) <= KEY_LENGTH_MAX and _KEY.fullmatch(sent) is not None)


RequiredIdempotencyDep = Annotated[Idempotency, Depends(require_idempotency)]
IdempotencyDep = Annotated[Idempotency | None, Depends(find_idempotency)]
