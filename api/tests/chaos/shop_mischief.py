"""What is done to the shop in Telegram: to its bots, to Telegram and what it answers, and to the wires between them."""

import asyncio
from typing import Any

import httpx2

from tests.chaos.mischief import Deed, Mischief, cut, half_close, slow_down
from tests.chaos.wiring import BOTS

STRIKES_WITHIN_S, LOOK_EVERY_S = 6.0, 0.3
SHOWN = ("sendPhoto", "sendDocument", "sendMessage", "editMessageText")
PICTURES = ("sendPhoto", "sendDocument")


async def _kill_bot(mischief: Mischief) -> int:
    return await mischief.stack.kill(mischief.dice.choice([*BOTS]))


async def _freeze_bot(mischief: Mischief) -> int:
    return await mischief.stack.freeze(mischief.dice.choice([*BOTS]), for_s=mischief.stack.lease_s + mischief.dice.uniform(1, 3))


async def _kill_telegram(mischief: Mischief) -> int:
    # Its log dies with it; what got no answer so far explains what the bots were not sure of.
    await mischief.stack.note_cut_calls()
    return await mischief.stack.kill("telegram")


def _misbehave(kind: str, methods: tuple[str, ...], times_max: int) -> Deed:
    """Telegram's next calls of one of these methods end like that; how many did, as long as somebody watched."""

    async def strike(mischief: Mischief) -> int:
        dice = mischief.dice
        fault: dict[str, Any] = {
            "kind": kind,
            "method": dice.choice(methods),
            "times": dice.randint(1, times_max),
            "retry_after": dice.randint(1, 3),
            "seconds": dice.uniform(1, 4),
        }
        async with mischief.stack.telegram() as control:
            try:
                (await control.post("/faults", json=fault)).raise_for_status()
                return await _struck(control, fault)
            except httpx2.TransportError:
                return 0

    return strike


def _rob_both(wire: str, asked: bytes) -> Deed:
    """As `rob`, of whichever bot asks first, or of both."""

    async def rob_both(mischief: Mischief) -> int:
        return sum(await asyncio.gather(*(link.rob(asked, within_s=STRIKES_WITHIN_S) for link in mischief.links(wire))))

    return rob_both


async def _struck(control: httpx2.AsyncClient, fault: dict[str, Any]) -> int:
    for _ in range(round(STRIKES_WITHIN_S / LOOK_EVERY_S)):
        found = (await control.get("/faults")).raise_for_status().json()["faults"]
        ours = [each for each in found if each["seconds"] == fault["seconds"]]
        if not ours or ours[0]["struck"]:  # gone: Telegram was killed, and its faults with it
            return int(ours[0]["struck"]) if ours else 0
        await asyncio.sleep(LOOK_EVERY_S)
    return 0


SHOP_DEEDS: dict[str, tuple[float, Deed]] = {
    "kill bot": (8, _kill_bot),
    "freeze bot past its lease": (4, _freeze_bot),
    "kill telegram": (3, _kill_telegram),
    "telegram 429": (4, _misbehave("429", SHOWN, 4)),
    "telegram 500": (4, _misbehave("500", SHOWN, 4)),
    "telegram timeout": (3, _misbehave("timeout", SHOWN, 1)),
    "telegram cut_after": (4, _misbehave("cut_after", PICTURES, 1)),
    "cut bot>api": (3, cut("bot-*>api")),
    "cut bot>telegram": (3, cut(">telegram")),
    "half close bot>telegram": (2, half_close(">telegram")),
    "slow bot>telegram": (2, slow_down(">telegram")),
    "lost answer bot>api, of a start": (4, _rob_both("bot-*>api", b"/start HTTP")),
    "lost answer bot>api, of a finish": (4, _rob_both("bot-*>api", b"/finish HTTP")),
    "lost answer bot>telegram, of an edit": (3, _rob_both(">telegram", b"/editMessageText HTTP")),
}
"""Every kind, as in DEEDS."""
