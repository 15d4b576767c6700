"""The book against a model of it: whatever is asked in whatever order, alone or two at once, both say the same."""

import asyncio
import itertools
from collections.abc import Awaitable
from copy import deepcopy
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from app.domain.ledger import service as ledger
from app.domain.ledger.errors import AccountFrozenError, HoldEndedError, InsufficientCreditsError
from app.domain.ledger.schemas import Memo, Violation
from app.embedded import postgres
from tests.factories import new_telegram_id
from tests.property.world import Machine, World, prove

MEMO = Memo("reference", "a reason")
PEOPLE = 3
BOOK_ALONE = ("I1", "I2", "I3", "I10")
"""Of the invariants those of the book: there are no generations here for the holds to belong to."""
HOLDS_LOOKED_AT = 4
"""A balance counts open holds among so many of the newest (ledger/queries.py)."""

WANTED = frozenset(
    {
        "give done",
        "take short",
        "hold done",
        "hold short",
        "hold frozen",
        "capture done",
        "release done",
        "release ended",
        "two at once",
    }
)

people = st.integers(0, PEOPLE - 1)
amounts = st.integers(1, 12)
moves = st.one_of(
    st.tuples(st.just("give"), people, amounts),
    st.tuples(st.just("take"), people, amounts),
    st.tuples(st.just("hold"), people, amounts),
    st.tuples(st.sampled_from(["capture", "release"]), people, st.integers(0, 5)),
)


@dataclass
class Hold:
    """A hold as the model has it; `ref` is what both sides call it."""

    ref: int
    amount: int
    is_open: bool = True


@dataclass
class Wallet:
    """What somebody has, as the model knows it."""

    balance: int = 0
    is_frozen: bool = False
    holds: list[Hold] = field(default_factory=list)

    def move(self, verb: str, number: int, ref: int) -> str:
        """What the book must answer; `number` is an amount or names the hold that ends, `ref` will name a new hold."""
        if verb in {"capture", "release"}:
            return self._end(verb, number)
        amount = number
        if verb != "give" and amount > self.balance:
            return "short"
        if self.is_frozen:
            return "frozen"
        self.balance += amount if verb == "give" else -amount
        if verb == "hold":
            self.holds.append(Hold(ref, amount))
        return "done"

    def _end(self, verb: str, ref: int) -> str:
        hold = next(hold for hold in self.holds if hold.ref == ref)
        if not hold.is_open:
            return "ended"
        hold.is_open = False
        self.balance += hold.amount if verb == "release" else 0
        return "done"

    @property
    def held(self) -> int:
        return sum(hold.amount for hold in self.holds[-HOLDS_LOOKED_AT:] if hold.is_open)


class LedgerMachine(Machine):
    """Three people, and whoever asks the book in their names."""

    def __init__(self) -> None:
        super().__init__()
        self.wallets = [Wallet() for _ in range(PEOPLE)]
        self.telegram_ids = [new_telegram_id() for _ in range(PEOPLE)]
        self.user_ids: list[int] = []
        self.transfers: dict[int, int] = {}
        self.refs = itertools.count(1)

    @initialize(amounts=st.lists(amounts, min_size=PEOPLE, max_size=PEOPLE))
    def give_everybody_a_wallet(self, amounts: list[int]) -> None:
        for person, amount in enumerate(amounts):
            assert self.run(self._ask("give", person, amount)) == "done"
            self.wallets[person].balance = amount
        self.user_ids = [self._user_id(telegram_id) for telegram_id in self.telegram_ids]

    @rule(move=moves)
    def move(self, move: tuple[str, int, int]) -> None:
        verb, person, number = self._named(move)
        if verb:
            ref = next(self.refs)
            expected = self.wallets[person].move(verb, number, ref)
            assert self.run(self._ask(verb, person, number, ref)) == expected
            self.world.hits[f"{verb} {expected}"] += 1

    @rule(first=moves, second=moves)
    def move_two_at_once(self, first: tuple[str, int, int], second: tuple[str, int, int]) -> None:
        """The outcome is that of the one after the other, in one order or in the other."""
        pair = [named for named in (self._named(first), self._named(second)) if named[0]]
        refs = [next(self.refs) for _ in pair]
        outcomes = self.run(self._gathered([self._ask(*move, ref) for move, ref in zip(pair, refs, strict=True)]))
        seen = self.run(self._balances())
        for order in ([*range(len(pair))], [*reversed(range(len(pair)))]):
            wallets = deepcopy(self.wallets)
            answers = {}
            for place in order:
                verb, person, number = pair[place]
                answers[place] = wallets[person].move(verb, number, refs[place])
            said = [answers[place] for place in range(len(pair))]
            if said == outcomes and seen == [(wallet.balance, wallet.held) for wallet in wallets]:
                self.wallets = wallets
                self.world.hits["two at once"] += 1
                if [verb for verb, _, _ in pair] == ["hold", "hold"]:
                    self._put_in_order(pair[0][1])
                return
        raise AssertionError((pair, outcomes, seen, self.wallets))

    @rule(person=people)
    @precondition(lambda self: not all(wallet.is_frozen for wallet in self.wallets))
    def freeze(self, person: int) -> None:
        self.run(self._freeze(self.user_ids[person]))
        self.wallets[person].is_frozen = True

    @rule()
    @precondition(lambda self: any(wallet.is_frozen for wallet in self.wallets))
    def lift(self) -> None:
        for user_id, wallet in zip(self.user_ids, self.wallets, strict=True):
            if wallet.is_frozen:
                self.run(self._lift(user_id))
                wallet.is_frozen = False

    @invariant()
    def everybody_has_what_the_model_says(self) -> None:
        if self.user_ids:
            assert self.world.run(self._balances()) == [(wallet.balance, wallet.held) for wallet in self.wallets]

    def teardown(self) -> None:
        assert self.world.run(self.world.broken(*BOOK_ALONE)) == {}

    def _named(self, move: tuple[str, int, int]) -> tuple[str, int, int]:
        """The move with the hold that it ends, open or ended before; no verb when this person has held nothing so far."""
        verb, person, number = move
        if verb not in {"capture", "release"}:
            return move
        holds = self.wallets[person].holds
        return (verb, person, holds[-1 - number % len(holds)].ref) if holds else ("", person, 0)

    def _put_in_order(self, person: int) -> None:
        """Which of two holds at once came first is the book's to say, and counts: only the newest ones are looked at."""
        places = self.world.run(self._places_of_holds(self.user_ids[person]))
        self.wallets[person].holds.sort(key=lambda hold: places[self.transfers[hold.ref]])

    def _user_id(self, telegram_id: int) -> int:
        user_id: int = self.world.run(self.world.eyes.fetchval("SELECT id FROM users WHERE telegram_id = $1", telegram_id))
        return user_id

    async def _ask(self, verb: str, person: int, number: int, ref: int = 0) -> str:
        try:
            async with self.world.resources.transaction() as session:
                match verb:
                    case "hold":
                        hold_id = await ledger.hold(session, user_id=self.user_ids[person], amount=number, memo=MEMO)
                    case "capture" | "release":
                        end = ledger.capture if verb == "capture" else ledger.release
                        await end(session, hold_id=self.transfers[number], memo=MEMO)
                    case _:
                        amount = number if verb == "give" else -number
                        await ledger.grant(session, telegram_id=self.telegram_ids[person], amount=amount, memo=MEMO)
        except InsufficientCreditsError:
            return "short"
        except AccountFrozenError:
            return "frozen"
        except HoldEndedError:
            return "ended"
        if verb == "hold":
            self.transfers[ref] = hold_id
        return "done"

    async def _gathered(self, asked: list[Awaitable[str]]) -> list[str]:
        return list(await asyncio.gather(*asked))

    async def _balances(self) -> list[tuple[int, int]]:
        async with self.world.resources.reading() as session:
            found = [await ledger.balance(session, telegram_id) for telegram_id in self.telegram_ids]
        return [(one.balance, one.held) for one in found]

    async def _places_of_holds(self, user_id: int) -> dict[int, int]:
        rows = await self.world.eyes.fetch(
            "SELECT entry.transfer_id, entry.seq FROM ledger_entries entry"
            " JOIN ledger_accounts wallet ON wallet.id = entry.account_id"
            " WHERE wallet.user_id = $1 AND entry.entry_type = 'generation_hold'",
            user_id,
        )
        return {row["transfer_id"]: row["seq"] for row in rows}

    async def _freeze(self, user_id: int) -> None:
        async with self.world.resources.transaction() as session:
            account = await self.world.eyes.fetchval("SELECT id FROM ledger_accounts WHERE user_id = $1", user_id)
            await ledger.freeze(session, "I2", [Violation(account, "planted", f"step {self.world.steps}")])

    async def _lift(self, user_id: int) -> None:
        async with self.world.resources.transaction() as session:
            account = await self.world.eyes.fetchval("SELECT id FROM ledger_accounts WHERE user_id = $1", user_id)
            await ledger.lift(session, account, reason="planted")


class TestTheBook:
    def test_does_what_its_model_does(self, postgres_server: postgres.Postgres) -> None:
        with World(postgres_server) as world:
            prove(LedgerMachine, world, "ledger", wanted=WANTED)
