"""What every handler may need, by its name, as one value."""

import asyncio
from dataclasses import dataclass, field

from bot.api.client import ApiClient
from bot.catalogue import Catalogue
from bot.people import People
from bot.settings import Settings
from bot.storage import Notes


@dataclass(frozen=True)
class Shop:
    """The shop behind the conversations. `news` wakes the delivery, `broadcasts` their sender."""

    settings: Settings
    api: ApiClient
    people: People
    catalogue: Catalogue
    notes: Notes
    news: asyncio.Event = field(default_factory=asyncio.Event)
    broadcasts: asyncio.Event = field(default_factory=asyncio.Event)
