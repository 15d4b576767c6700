"""The feed of every generation's changes, for bots."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.sse import EventStream, LastEventId, as_events
from app.deps.caller import BotDep
from app.deps.notifications import NotificationsDep
from app.deps.resources import ResourcesDep
from app.domain.generations import events as follow

router = APIRouter(tags=["events"])

After = Annotated[int | None, Query(ge=0, lt=2**63, description="The id of the last event you have seen; 0 is the beginning")]


@router.get("/events", summary="Follow all generations", response_class=EventStream, status_code=200)
async def feed(
    resources: ResourcesDep, notifications: NotificationsDep, _: BotDep, after: After = None, last_event_id: LastEventId = None
) -> EventStream:
    """Every status change of all users in commit order, from where you stopped (`Last-Event-ID` or `after`), else from now on.

    Nothing is skipped; an event that is sent again carries the same id.
    """
    start = last_event_id if last_event_id is not None else after
    return EventStream(as_events(follow.follow_all(resources, notifications, after=start)))
