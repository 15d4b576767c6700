"""The life of generations against a model of it: submits, claims, answers, webhooks, ends, and workers that wake up too late."""

from dataclasses import replace
from functools import partial
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from app.core.errors import RassomError
from app.domain.generations import attempt_queries, attempts, ordering, service, settlement
from app.domain.generations.rules import AttemptState
from app.domain.generations.schemas import Attempt, GenerationSubmit
from app.domain.idempotency.schemas import Ticket
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import Memo
from app.embedded import postgres
from tests.factories import an_order, new_telegram_id
from tests.property import shop_model as model
from tests.property.world import Machine, World, prove

CREDITS = 1

WANTED = frozenset(
    {
        *("accepted", "active_generation", "insufficient_credits", "cancelled", "already_sent", "too late to settle"),
        *("claimed submitting", "claimed unknown", "claimed submitted", "claimed None", "too late to accept"),
        *(f"{verb} {said}" for verb in ("postpone", "lose", "refuse") for said in (True, False)),
        *("webhook bound True", "webhook bound False", "ended with picture", "ended with nothing", "ended with failed"),
        *("expired True", "expired False"),
    }
)

people = st.integers(0, 1)
outcomes = st.sampled_from(["pending", "picture", "picture", "nothing", "failed"])
picks = st.integers(0, 30).map(lambda number: max(0, number - 20))
"""Mostly 0: the newest."""


class GenerationMachine(Machine):
    """Two people, a provider that answers anything, and workers whose claims are all kept."""

    def __init__(self) -> None:
        super().__init__()
        self.people = [model.Person(new_telegram_id(), CREDITS) for _ in range(2)]
        self.claims: list[model.Claim] = []
        self.keys: list[tuple[int, Ticket]] = []

    @initialize()
    def give_credits(self) -> None:
        for person in self.people:
            self.run(self._give(person.telegram_id))

    @rule(person=people)
    @precondition(lambda self: not all(person.running for person in self.people))
    def submit(self, person: int) -> None:
        self._submit(person, Ticket("bot", str(uuid4()), "submit", an_order(self.people[person].telegram_id)))

    @rule(pick=picks)
    @precondition(lambda self: self.keys)
    def submit_again_with_a_known_key(self, pick: int) -> None:
        """The first answer comes again, whatever has become of that order."""
        generation_id, ticket = self.keys[pick % len(self.keys)]
        assert self.run(self._ask_to_submit(ticket)) == (generation_id, True)

    @rule(person=people)
    @precondition(lambda self: any(person.is_waiting for person in self.people))
    def claim(self, person: int) -> None:
        """A worker takes what waits."""
        self._claim_of(person if self.people[person].is_waiting else 1 - person)

    @rule(pick=picks, how=st.sampled_from(["take over", "cancel", "expire", "pass the deadline", "sweep what is not due"]))
    @precondition(lambda self: any(person.generations for person in self.people))
    def interfere(self, pick: int, how: str) -> None:
        """Another worker, the owner or the clock; with what has ended too. One rule, or few generations would live for long."""
        person, owner = self._somebody(pick, with_running=pick % 4 < 3)
        last = owner.generations[-1]
        if how == "take over":
            self._claim_of(person)
        elif how == "cancel":
            self._cancel(owner, last)
        else:
            if how != "sweep what is not due":
                self.run(self._overdue(last.id))
                last.is_overdue = True
            if how != "pass the deadline":
                self._expire(owner, last)

    @rule(pick=picks, outcome=outcomes, task=st.integers(0, 1))
    @precondition(lambda self: any(claim.may_send for claim in self.claims))
    def accept(self, pick: int, outcome: str, task: int) -> None:
        claim = self._pick(pick, may_send=True)
        task_id = f"{claim.attempt.token}-{task}"
        said = self.run(self._write(partial(attempts.accept, attempt=claim.attempt, task=model.a_task(task_id, outcome))))
        row = self._row(claim)
        if not self._is_mine(claim):
            assert said == (row.epoch == claim.attempt.epoch and row.task == task_id)
            self.world.hits["too late to accept"] += 1
            return
        assert said is True
        row.state, row.task = "submitted", task_id
        self.claims.append(replace(claim, attempt=self._bound(claim, task_id), may_send=False))
        self._end(claim, outcome)

    @rule(pick=picks, outcome=outcomes)
    @precondition(lambda self: any(claim.attempt.provider_job_id for claim in self.claims))
    def settle(self, pick: int, outcome: str) -> None:
        claim = self._pick(pick, may_send=False)
        task = model.a_task(claim.attempt.provider_job_id or "", outcome)
        said = self.run(self._write(partial(settlement.settle, attempt=claim.attempt, task=task)))
        assert said == (self._is_mine(claim) and outcome != "pending")
        self.world.hits["too late to settle"] += not said and outcome != "pending"
        if said:
            self._end(claim, outcome)

    @rule(pick=picks, verb=st.sampled_from(["postpone", "lose", "refuse"]))
    @precondition(lambda self: any(claim.may_send for claim in self.claims))
    def answer_badly(self, pick: int, verb: str) -> None:
        """No answer came, or a refusal, to a POST that this claim sent; or the worker that sent it was frozen meanwhile."""
        claim = self._pick(pick, may_send=True)
        said = self.run(self._write(partial(getattr(attempts, verb), attempt=claim.attempt, reason="a reason")))
        assert said == self._is_mine(claim)
        self.world.hits[f"{verb} {said}"] += 1
        if not said:
            return
        owner, row = self.people[claim.person], self._row(claim)
        if verb == "refuse":
            owner.end("refused", "failed")
        elif verb == "lose":
            row.state = "unknown"
        elif owner.running:
            row.state, owner.running.status = "refused", "queued"
            owner.running.attempts.append(self._live_attempt(owner.running.id))

    @rule(pick=picks, task=st.integers(0, 1))
    @precondition(lambda self: any(person.generations for person in self.people))
    def hear_a_webhook(self, pick: int, task: int) -> None:
        """The token of any attempt, however old: it binds one whose answer has not come, be it overdue, and nothing else."""
        rows = [row for person in self.people for made in person.generations for row in made.attempts]
        row = rows[-1 - pick % len(rows)]
        task_id = f"{row.token}-{task}"
        can_bind = row.state in {"submitting", "unknown", "expired"} and row.task is None
        assert self.run(self._bind(row, task_id)) == can_bind
        self.world.hits[f"webhook bound {can_bind}"] += 1
        if can_bind:
            row.task = task_id

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        for person in self.people:
            assert self.world.run(self._seen(person)) == (
                (person.balance, person.held),
                [(made.id, made.status) for made in person.generations],
                [(row.id, row.state, row.epoch, row.task) for made in person.generations for row in made.attempts],
                int(not person.has_trial),
            )

    def teardown(self) -> None:
        assert self.world.run(self.world.broken()) == {}

    def _claim_of(self, person: int) -> None:
        owner = self.people[person]
        running = owner.generations[-1]
        found = self.run(self._claim(running.id))
        was_ready = running.live is not None and running.live.state == "ready"
        expected = owner.claim()
        assert (found.attempt.state if found else None) == expected
        self.world.hits[f"claimed {expected}"] += 1
        if found:
            assert (found.order is not None) == was_ready
            assert (found.attempt.id, found.attempt.epoch) == (running.attempts[-1].id, running.attempts[-1].epoch)
            self.claims.append(model.Claim(person, found.attempt, was_ready))

    def _expire(self, owner: model.Person, last: model.Generation) -> None:
        is_due = last.is_overdue and owner.running is last
        assert self.run(self._write(partial(attempts.expire, generation_id=last.id))) == is_due
        self.world.hits[f"expired {is_due}"] += 1
        if is_due:
            owner.end("expired", "failed")

    def _cancel(self, owner: model.Person, last: model.Generation) -> None:
        is_unsent = last.live is not None and last.live.state == "ready"
        expected = "cancelled" if is_unsent or last.status == "cancelled" else "already_sent"
        assert self.run(self._ask_to_cancel(last.id, owner.telegram_id)) == expected
        self.world.hits[expected] += 1
        if is_unsent:
            owner.end("cancelled", "cancelled")

    def _submit(self, person: int, ticket: Ticket) -> None:
        owner = self.people[person]
        expected = owner.refusal()
        said, is_replay = self.run(self._ask_to_submit(ticket))
        assert is_replay is False
        self.world.hits[expected or "accepted"] += 1
        if expected is not None:
            assert said == expected
            return
        assert isinstance(said, int), said
        owner.order(said, self._live_attempt(said))
        self.keys.append((said, ticket))

    def _somebody(self, pick: int, *, with_running: bool) -> tuple[int, model.Person]:
        """Somebody who has ordered, and whose order runs if that is asked for and there is one."""
        ordered = [place for place, person in enumerate(self.people) if person.generations]
        running = [place for place in ordered if self.people[place].running]
        among = running if running and with_running else ordered
        place = among[pick % len(among)]
        return place, self.people[place]

    def _pick(self, pick: int, *, may_send: bool) -> model.Claim:
        """One of the claims of this kind, mostly one of the newest."""
        found = [claim for claim in self.claims if (claim.may_send if may_send else claim.attempt.provider_job_id)]
        return found[-1 - pick % len(found)]

    def _row(self, claim: model.Claim) -> model.Attempt:
        rows = (row for made in self.people[claim.person].generations for row in made.attempts)
        return next(row for row in rows if row.id == claim.attempt.id)

    def _is_mine(self, claim: model.Claim) -> bool:
        """Whether the attempt is still as this claim left it: the one thing that lets it write."""
        row = self._row(claim)
        return (row.epoch, row.state) == (claim.attempt.epoch, claim.attempt.state)

    def _bound(self, claim: model.Claim, task_id: str) -> Attempt:
        return replace(claim.attempt, state=AttemptState.SUBMITTED, provider_job_id=task_id)

    def _end(self, claim: model.Claim, outcome: str) -> None:
        self.world.hits[f"ended with {outcome}"] += 1
        if outcome == "picture":
            self.people[claim.person].end("completed", "completed")
        elif outcome != "pending":
            self.people[claim.person].end("failed", "failed")

    def _live_attempt(self, generation_id: int) -> model.Attempt:
        row = self.world.run(
            self.world.eyes.fetchrow(
                "SELECT id, token FROM generation_jobs WHERE generation_id = $1 ORDER BY attempt_no DESC LIMIT 1", generation_id
            )
        )
        assert row is not None
        return model.Attempt(row["id"], row["token"])

    async def _give(self, telegram_id: int) -> None:
        async with self.world.resources.transaction() as session:
            await ledger.grant(session, telegram_id=telegram_id, amount=CREDITS, memo=Memo(None, "test"))

    async def _ask_to_submit(self, ticket: Ticket) -> tuple[int | str, bool]:
        body = GenerationSubmit.model_validate(ticket.request)
        try:
            async with self.world.resources.transaction() as session:
                answer, is_replay = await ordering.submit(session, self.world.resources, body, request_id="r", ticket=ticket)
        except RassomError as refused:
            return refused.code, False
        return answer.request.id, is_replay

    async def _claim(self, generation_id: int) -> attempts.Claim | None:
        async with self.world.resources.transaction() as session:
            return await attempts.claim(session, generation_id, is_sync=False)

    async def _write(self, verb: partial) -> bool:
        async with self.world.resources.transaction() as session:
            return bool(await verb(session))

    async def _bind(self, row: model.Attempt, task_id: str) -> bool:
        async with self.world.resources.transaction() as session:
            return await attempt_queries.bind_task(session, row.token, task_id)

    async def _ask_to_cancel(self, generation_id: int, telegram_id: int) -> str:
        try:
            async with self.world.resources.transaction() as session:
                return (await service.cancel(session, generation_id, telegram_id)).status
        except RassomError as refused:
            return refused.code

    async def _overdue(self, generation_id: int) -> None:
        await self.world.eyes.execute("UPDATE generation_requests SET deadline_at = now() WHERE id = $1", generation_id)

    async def _seen(self, person: model.Person) -> tuple[object, ...]:
        eyes, owner = self.world.eyes, person.telegram_id
        of_owner = "FROM generation_requests made JOIN users ON users.id = made.user_id AND telegram_id = $1"
        made = await eyes.fetch(f"SELECT made.id, status {of_owner} ORDER BY made.id", owner)
        rows = await eyes.fetch(
            f"SELECT job.id, state, epoch, provider_job_id {of_owner} JOIN generation_jobs job ON job.generation_id = made.id"
            " ORDER BY job.id",
            owner,
        )
        trials = await eyes.fetchval(
            "SELECT count(*) FROM trial_uses JOIN users ON users.id = user_id WHERE telegram_id = $1 AND state <> 'restored'", owner
        )
        async with self.world.resources.reading() as session:
            found = await ledger.balance(session, owner)
        return (found.balance, found.held), [tuple(row) for row in made], [tuple(row) for row in rows], trials


class TestGenerations:
    def test_live_as_their_model_does(self, postgres_server: postgres.Postgres) -> None:
        with World(postgres_server, wavespeed_api_key="nobody is asked", trial_generations=1) as world:
            prove(GenerationMachine, world, "generations", wanted=WANTED)
