"""What the independent checker judges of a shop in Telegram: what its people see, what Telegram took, what the API says of both.

`collect` asks the API and the Telegram simulator over HTTP alone; the rest is the journal of whoever played the people.
"""

from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.facts import Facts
from tests.seen import Message, has

Span = tuple[float, float]


@dataclass(slots=True)
class ShopFacts:
    """Everything that is judged besides `Facts`.

    `chats` are those of the simulator; `transactions` what it took in Stars; `packages` the credits by their price;
    `delivered` those that the API says were delivered, of the generations whose end nobody sees; `claimable` those that anybody
    could still claim while every bot stood still; `unconfirmed` how many updates no bot has confirmed. From the journals: `blocks`
    as Shoppers keeps them, `blows` when something was done to a part on which a delivery hangs, `cut_calls` what Telegram did not
    answer.
    """

    chats: dict[int, list[Message]]
    transactions: list[dict[str, Any]]
    packages: dict[int, int]
    delivered: set[int]
    claimable: set[int]
    unconfirmed: int
    blocks: dict[int, list[Span]] = field(default_factory=dict)
    blows: list[float] = field(default_factory=list)
    cut_calls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def paid(self) -> dict[int, int]:
        """The credits that each person is owed for Stars."""
        owed: dict[int, int] = {}
        for each in self.transactions:
            who = each["user"]["id"]
            owed[who] = owed.get(who, 0) + self.packages.get(each["amount"], 0)
        return owed


def under(prompt: str, chat: list[Message]) -> list[Message]:
    """What the bot answered to the words of an order: everything that hangs under them."""
    asked = {each["message_id"] for each in chat if each["from"] == "user" and each["text"] == prompt}
    return [each for each in chat if each["from"] == "bot" and not each["deleted"] and each["reply_to"] in asked]


def is_failure(message: Message) -> bool:
    """Whether it says that there is no picture: it was never a menu, and so no status either."""
    return not (message["photo"] or message["document"] or message["edits"] or has("menu|")(message))


def is_end_of(prompt: str, chat: list[Message]) -> bool:
    """Whether somebody sees how the order ended: picture and file, or why there is none."""
    shown = under(prompt, chat)
    has_picture = any(each["photo"] for each in shown) and any(each["document"] for each in shown)
    return has_picture or any(map(is_failure, shown))


async def claim_all(api: httpx2.AsyncClient) -> set[int]:
    """The generations that are still to be told and that no bot has in hand; they are in ours from now on, for a while."""
    claimed = await api.post("/deliveries/claim", json={"limit": 50, "lease_seconds": 60})
    return {item["generation"]["id"] for item in claimed.raise_for_status().json()["items"]}


async def collect(
    api: httpx2.AsyncClient, telegram: httpx2.AsyncClient, facts: Facts, people: list[int], claimable: set[int]
) -> ShopFacts:
    """Ask the API (base /api/v1, a key of scope bot) and the simulator (base /sim) about deliveries and payments of people who are
    in `facts`.
    """
    chats = {each: (await telegram.get(f"/chats/{each}")).raise_for_status().json()["messages"] for each in people}
    transactions = (await telegram.get("/star-transactions")).raise_for_status().json()["transactions"]
    updates = (await telegram.get("/updates")).raise_for_status().json()["updates"]
    packages = (await api.get("/payments/packages")).raise_for_status().json()
    delivered = set()
    for telegram_id in people:
        for generation in facts.people[telegram_id].generations:
            if is_end_of(generation["prompt"], chats[telegram_id]):
                continue  # seen is seen
            answer = await api.get(f"/generations/{generation['id']}/files", params={"telegram_id": telegram_id})
            if answer.raise_for_status().json()["file_ids"]:
                delivered.add(generation["id"])
    return ShopFacts(
        chats,
        [each for each in transactions if each["user"]["id"] in people],
        {each["price_stars"]: each["credits"] for each in packages},
        delivered,
        claimable,
        len(updates),
    )
