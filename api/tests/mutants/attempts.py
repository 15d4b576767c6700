"""Seeded bugs between submit and settle: attempts, claims, the POST, webhooks, deadlines, events."""

from tests.mutants.bug import APP, FIRST_TABLES, Bug, Edit, bug

_GENERATIONS = "domain/generations/"
_MODELS = APP + _GENERATIONS + "models.py"
_FAULTS = "stories/test_provider_faults.py::TestEveryFault"
_BELIEVE = """
            from app.domain.generations import settlement
            from app.provider.wire import Task, TaskState

            attempt = await attempt_queries.lock_live_attempt(session, generation_id)
            if attempt is not None and task_id is not None:
                task = Task(task_id, TaskState.COMPLETED, "completed", ("https://pictures.example/1.png",), None, "")
                await settlement.settle(session, attempt, task)
            await wake(session, GENERATE, generation_id)"""

BUGS = (
    bug(
        "the breaker never opens",
        "provider/health.py",
        "    if trouble in AT_ONCE or failures >= limit:\n        return _opened(breaker, trouble, now)\n",
        "",
        "domain/supply/test_service.py::TestNote",
    ),
    bug(
        "an open breaker lets every attempt through",
        "domain/supply/service.py",
        "return Pass(wait_s=standing.probe_in_s)",
        "return FREE_PASS",
        "domain/supply/test_service.py::TestAdmit",
    ),
    bug(
        "what is being put off is not sent when the provider comes back",
        "queue/enqueue.py",
        "WHERE entrypoint = :entrypoint AND status IN ('queued', 'picked')",
        "WHERE entrypoint = :entrypoint AND status = 'queued'",
        "stories/test_breaker.py",
    ),
    bug(
        "what was sent before the breaker opened closes it",
        "provider/health.py",
        "    if breaker.is_open and probe != breaker.opening:\n        return breaker\n",
        "",
        "provider/test_health.py::TestOpen",
    ),
    Bug(
        "a provider task may have two attempts",
        (
            Edit(
                FIRST_TABLES,
                'sa.UniqueConstraint("provider", "provider_job_id", name=op.f("uq_generation_jobs_provider_provider_job_id")),',
                "",
            ),
            Edit(_MODELS, '        UniqueConstraint("provider", "provider_job_id"),\n', ""),
        ),
        ("stories/test_webhooks.py::TestLostAnswer::test_is_not_bound_to_the_task_of_another_attempt",),
    ),
    Bug(
        "a generation may have two live attempts",
        (
            Edit(
                FIRST_TABLES,
                '        ["generation_id"],\n        unique=True,\n        postgresql_where="state IN',
                '        ["generation_id"],\n        unique=False,\n        postgresql_where="state IN',
            ),
            Edit(
                _MODELS,
                '            "generation_id",\n            unique=True,',
                '            "generation_id",\n            unique=False,',
            ),
        ),
        ("domain/generations/test_guards.py",),
    ),
    bug(
        "the answer leaves before the commit",
        "deps/session.py",
        'SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]',
        'SessionDep = Annotated[AsyncSession, Depends(get_session, scope="request")]',
        "deps/test_session.py",
    ),
    bug(
        "the attempt is sent before it is committed",
        _GENERATIONS + "jobs.py",
        "    async with resources.transaction() as session:\n        claim = await attempts.claim(",
        "    from app.db.session import Session\n\n"
        "    async with Session(resources.engine, is_unit=True) as session:\n        claim = await attempts.claim(",
        "stories/test_first_picture.py",
    ),
    bug(
        "a lost answer is sent again",
        "provider/client.py",
        'raise UnknownError(f"the answer was lost: {short(error)}") from error',
        'raise BusyError(f"the answer was lost: {short(error)}", is_down=False) from error',
        "provider/test_client.py::TestSubmit",
        f"{_FAULTS}::test_while_the_answer_holds_the_picture",
    ),
    bug(
        "a 5xx is sent again blindly",
        "provider/client.py",
        '    if status not in _OK:\n        raise UnknownError(f"{status}: {message}", status=status)',
        "    if status not in _OK:\n        raise _busy(response, message)",
        "provider/test_client.py::TestSubmit",
        f"{_FAULTS}::test_while_the_answer_holds_the_picture",
    ),
    bug(
        "an unreadable answer is a refusal",
        "provider/client.py",
        '        raise UnknownError(f"HTTP {response.status} with an unreadable body", status=response.status) from error',
        '        raise RefusedError(f"HTTP {response.status} with an unreadable body", status=response.status) from error',
        "provider/test_client.py::TestSubmit",
    ),
    bug(
        "an attempt that may have been sent is sent again",
        _GENERATIONS + "attempts.py",
        "    if attempt.state is AttemptState.READY:\n",
        "    if attempt.state in {AttemptState.READY, AttemptState.SUBMITTING}:\n",
        "domain/generations/test_attempts.py::TestClaim",
    ),
    bug(
        "writes do not name their epoch",
        _GENERATIONS + "attempt_queries.py",
        "GenerationJob.id == attempt.id, GenerationJob.epoch == attempt.epoch, GenerationJob.state == attempt.state)",
        "GenerationJob.id == attempt.id, GenerationJob.state == attempt.state)",
        "races/test_settlement_races.py::TestAccept",
        "races/test_settlement_races.py::TestSettlement",
    ),
    bug(
        "a claim does not raise the epoch",
        _GENERATIONS + "attempt_queries.py",
        "epoch = attempt.epoch + 1 if next_epoch else attempt.epoch",
        "epoch = attempt.epoch",
        "races/test_settlement_races.py::TestAccept",
        "races/test_settlement_races.py::TestSettlement",
    ),
    bug(
        "who comes second completes it again",
        _GENERATIONS + "settlement.py",
        "    if not await queries.mark_completed(session, attempt, task):\n        return False\n",
        "    await queries.mark_completed(session, attempt, task)\n",
        "races/test_settlement_races.py::TestSettlement",
    ),
    bug(
        "a picture is written without naming its epoch",
        _GENERATIONS + "attempt_queries.py",
        "WHERE id = :id AND epoch = :epoch AND state = :state AND NOT EXISTS (",
        "WHERE id = :id AND state = :state AND NOT EXISTS (",
        "races/test_settlement_races.py::TestSettlement",
    ),
    bug(
        "a picture is written although its task is another attempt's",
        _GENERATIONS + "attempts.py",
        "    if await attempt_queries.is_taken(session, attempt, task.id):\n",
        "    if False:\n",
        "races/test_reconciler_races.py::TestReconcilerAndAccept",
    ),
    bug(
        "completed without a picture is charged",
        _GENERATIONS + "settlement.py",
        "if task.state is TaskState.COMPLETED and task.outputs:",
        "if task.state is TaskState.COMPLETED:",
        f"{_FAULTS}::test_while_the_answer_holds_the_picture",
    ),
    bug(
        "a cancelled order keeps the credits",
        _GENERATIONS + "settlement.py",
        "    await queries.mark_cancelled(session, attempt.generation_id)\n    await _give_back(session, attempt)\n",
        "    await queries.mark_cancelled(session, attempt.generation_id)\n",
        "api/test_history.py::TestCancel",
    ),
    bug(
        "a failed order keeps the credits",
        _GENERATIONS + "settlement.py",
        "FAILURE_MESSAGES[code])\n    await _give_back(session, attempt)\n",
        "FAILURE_MESSAGES[code])\n",
        "stories/test_first_picture.py",
    ),
    bug(
        "an order can be taken back after it was sent",
        _GENERATIONS + "settlement.py",
        "    if attempt.state is not AttemptState.READY:\n        return False\n",
        "",
        "api/test_history.py::TestCancel",
    ),
    bug(
        "the deadline is not enforced",
        _GENERATIONS + "attempts.py",
        "    return await settlement.fail(session, attempt, FailureCode.DEADLINE_EXCEEDED,",
        "    return False and await settlement.fail(session, attempt, FailureCode.DEADLINE_EXCEEDED,",
        "stories/test_provider_away.py::TestProviderAway::test_an_order_that_nobody_takes_before_its_deadline_costs_nothing",
    ),
    bug(
        "the sweep leaves what is overdue",
        _GENERATIONS + "reaper.py",
        "    for generation_id in overdue:\n",
        "    for generation_id in overdue[:0]:\n",
        "domain/generations/test_sweep.py",
    ),
    bug(
        "the sweep leaves what lost its job",
        _GENERATIONS + "reaper.py",
        "                await enqueue(session, GENERATE, generation_id)\n",
        "",
        "domain/generations/test_sweep.py",
    ),
    bug(
        "a refused attempt is tried at once, for ever",
        _GENERATIONS + "rules.py",
        "return max(min(60.0, 2.0 ** min(attempt_no - 1, 6)), retry_after_s or 0.0)",
        "return retry_after_s or 0.0",
        "domain/generations/test_rules.py::TestRefusalDelay",
    ),
    bug(
        "a task is given up at its first 404",
        _GENERATIONS + "jobs.py",
        "GONE_POLLS_MAX = 5",
        "GONE_POLLS_MAX = 1",
        "stories/test_provider_faults.py::TestEveryFaultWhilePolling::test_that_passes",
    ),
    bug(
        "a webhook needs no signature",
        _GENERATIONS + "callbacks.py",
        "    if not signature.is_genuine(",
        "    if False and not signature.is_genuine(",
        "api/test_webhook_refusals.py",
    ),
    bug(
        "a webhook is good for ever",
        "provider/signature.py",
        " or abs(now_s - int(timestamp)) > WINDOW_S:",
        ":",
        "provider/test_signature.py::TestIsGenuine",
    ),
    bug(
        "a webhook settles",
        _GENERATIONS + "callbacks.py",
        "\n            await wake(session, GENERATE, generation_id)",
        _BELIEVE,
        "stories/test_webhooks.py::TestWithoutWorker",
    ),
    bug(
        "a webhook may rename a bound task",
        _GENERATIONS + "attempt_queries.py",
        "            GenerationJob.provider_job_id.is_(None),\n",
        "",
        "domain/generations/test_attempts.py::TestBind",
    ),
    Bug(
        "a change of status tells nobody",
        (
            Edit(
                "api/alembic/versions/0005_events_idempotency.py",
                "FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE",
                "FOR EACH ROW WHEN (false AND OLD.status IS DISTINCT FROM NEW.status) EXECUTE",
            ),
        ),
        ("api/test_streams.py::TestOneGeneration::test_shows_the_state_now_and_each_change_until_the_last",),
    ),
    bug(
        "the feed goes by id",
        _GENERATIONS + "event_queries.py",
        'GenerationEvent.position > bindparam("after"))\n    .order_by(GenerationEvent.position)',
        'GenerationEvent.id > bindparam("after"))\n    .order_by(GenerationEvent.id)',
        "api/test_streams.py::TestFeed::test_skips_nothing_when_a_lower_id_commits_later",
    ),
)
