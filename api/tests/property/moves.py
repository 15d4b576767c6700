"""Somebody who moves credits at random, as one of many who do so at the same time; what was answered is kept."""

import random
from collections import Counter
from dataclasses import dataclass, field

from app.domain.ledger import service as ledger
from app.domain.ledger.errors import HoldEndedError, InsufficientCreditsError
from app.domain.ledger.schemas import Memo
from app.domain.users import service as users
from app.resources import Resources
from tests.factories import new_telegram_id

MEMO = Memo("reference", "a reason")
# "lose" is a refund that was made elsewhere: it takes what is there.
VERBS = ("hold", "hold", "capture", "release", "end again", "give", "take", "pay", "give back", "lose")
AMOUNT_MAX = 6


@dataclass
class Wallet:
    """Whose credits they are, and what the answers add up to: the holds that nobody has ended, and the balance."""

    telegram_id: int
    user_id: int
    balance: int
    open_holds: dict[int, int] = field(default_factory=dict)
    ended_holds: list[int] = field(default_factory=list)

    @classmethod
    async def open(cls, resources: Resources, amount: int) -> "Wallet":
        """A wallet with so many credits."""
        telegram_id = new_telegram_id()
        async with resources.transaction() as session:
            await ledger.grant(session, telegram_id=telegram_id, amount=amount, memo=MEMO)
            return cls(telegram_id, await users.require_id(session, telegram_id), amount)


@dataclass
class Mover:
    """One client with dice of its own; `answers` is shared with the others."""

    resources: Resources
    wallets: list[Wallet]
    dice: random.Random
    answers: Counter[str]

    async def move(self) -> None:
        """Ask for one thing, and note what came of it."""
        wallet, verb, amount = self.dice.choice(self.wallets), self.dice.choice(VERBS), self.dice.randint(1, AMOUNT_MAX)
        try:
            answer = await self._ask(wallet, verb, amount)
        except InsufficientCreditsError:
            answer = "short"
        except HoldEndedError:
            answer = "ended"
        self.answers[f"{verb} {answer}"] += 1

    async def _ask(self, wallet: Wallet, verb: str, amount: int) -> str:
        if verb == "hold":
            async with self.resources.transaction() as session:
                hold_id = await ledger.hold(session, user_id=wallet.user_id, amount=amount, memo=MEMO)
            wallet.balance -= amount
            wallet.open_holds[hold_id] = amount
            return "done"
        if verb in {"give", "take"}:
            change = amount if verb == "give" else -amount
            async with self.resources.transaction() as session:
                await ledger.grant(session, telegram_id=wallet.telegram_id, amount=change, memo=MEMO)
            wallet.balance += change
            return "done"
        if verb in {"pay", "give back", "lose"}:
            return await self._move_stars(wallet, verb, amount)
        return await self._end(wallet, verb)

    async def _move_stars(self, wallet: Wallet, verb: str, amount: int) -> str:
        asked = {"user_id": wallet.user_id, "amount": amount, "memo": MEMO}
        async with self.resources.transaction() as session:
            if verb == "pay":
                await ledger.topup(session, **asked)
                change = amount
            elif verb == "give back":
                await ledger.refund(session, **asked)
                change = -amount
            else:
                _, shortfall = await ledger.refund_anyhow(session, **asked)
                change = shortfall - amount
        wallet.balance += change
        return "done" if change else "of nothing"

    async def _end(self, wallet: Wallet, verb: str) -> str:
        # Two clients may choose the same open hold: the book must end it for one of them only.
        among = wallet.ended_holds if verb == "end again" else list(wallet.open_holds)
        if not among:
            return "nothing to do"
        hold_id, is_release = self.dice.choice(among), verb == "release" or self.dice.random() < 0.5
        async with self.resources.transaction() as session:
            await (ledger.release if is_release else ledger.capture)(session, hold_id=hold_id, memo=MEMO)
        amount = wallet.open_holds.pop(hold_id)  # a second end raises KeyError here
        wallet.ended_holds.append(hold_id)
        wallet.balance += amount if is_release else 0
        return "done"


def told(answers: Counter[str]) -> str:
    """What was answered how often, for people."""
    return ", ".join(f"{what} {times}" for what, times in sorted(answers.items()))
