"""The feed of every generation's changes, for bots, and how far each of its readers is."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.sse import EventStream, LastEventId, as_events
from app.deps.caller import BotDep
from app.deps.notifications import NotificationsDep
from app.deps.resources import ResourcesDep
from app.deps.session import ReadSessionDep, SessionDep
from app.domain.deliveries import service as deliveries
from app.domain.deliveries.schemas import FeedCursorRead, FeedCursorWrite
from app.domain.generations import events as follow

router = APIRouter(prefix="/api/v1", tags=["events"])

After = Annotated[int | None, Query(ge=0, lt=2**63, description="The id of the last event you have seen; 0 is the beginning")]

CursorName = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$", description="Of a reader of the feed", examples=["bot"])]


@router.get("/events", summary="Follow all generations", response_class=EventStream, status_code=200)
async def feed(
    resources: ResourcesDep, notifications: NotificationsDep, _: BotDep, after: After = None, last_event_id: LastEventId = None
) -> EventStream:
    """Every status change of all users in commit order, from where you stopped (`Last-Event-ID` or `after`), else from now on.

    Nothing is skipped; an event that is sent again carries the same id.
    """
    start = last_event_id if last_event_id is not None else after
    return EventStream(as_events(follow.follow_all(resources, notifications, after=start)))


@router.get("/feed-cursors/{name}", summary="How far a reader of the feed is")
async def read_cursor(name: CursorName, session: ReadSessionDep, _: BotDep) -> FeedCursorRead:
    """`last_event_id` is null for a name that nobody has used."""
    return await deliveries.read_cursor(session, name)


@router.put("/feed-cursors/{name}", summary="Note how far a reader of the feed is")
async def move_cursor(name: CursorName, body: FeedCursorWrite, session: SessionDep, _: BotDep) -> FeedCursorRead:
    """Never moves backwards: what comes late, or twice, changes nothing. Answers where the cursor is."""
    return await deliveries.move_cursor(session, name, body.last_event_id)
