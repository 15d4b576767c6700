"""What wakes this process's streams and what they look with, as endpoints receive it."""

from typing import Annotated

from fastapi import Depends, Request

from app.db.notifications import Notifications
from app.domain.generations.events import Lookout


async def get_notifications(request: Request) -> Notifications:
    """What the lifespan opened. Async, or each request would go through a thread for it."""
    notifications: Notifications = request.state.notifications
    return notifications


async def get_lookout(request: Request) -> Lookout:
    """What the lifespan opened."""
    lookout: Lookout = request.state.lookout
    return lookout


NotificationsDep = Annotated[Notifications, Depends(get_notifications)]
LookoutDep = Annotated[Lookout, Depends(get_lookout)]
