"""What wakes this process's streams, as endpoints receive it."""

from typing import Annotated

from fastapi import Depends, Request

from app.db.notifications import Notifications


async def get_notifications(request: Request) -> Notifications:
    """What the lifespan opened. Async, or each request would go through a thread for it."""
    notifications: Notifications = request.state.notifications
    return notifications


NotificationsDep = Annotated[Notifications, Depends(get_notifications)]
