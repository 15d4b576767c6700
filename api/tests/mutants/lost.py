"""Seeded bugs around lost answers: the provider's history, its pairing with attempts, orphans, a restored database."""

from tests.mutants.bug import bug

_GENERATIONS = "domain/generations/"
_MATCHING = "domain/generations/test_matching.py"
_RECONCILIATION = "domain/generations/test_reconciliation.py"

BUGS = (
    bug(
        "the history gives a task away that is taken",
        _GENERATIONS + "matching.py",
        "is_free = task.task.id not in taken and not",
        "is_free = not",
        f"{_MATCHING}::TestSeveral",
    ),
    bug(
        "the history gives the task of an attempt in flight away",
        _GENERATIONS + "matching.py",
        " and not any(task.created_at >= start for start in flying[wanted])",
        "",
        f"{_MATCHING}::TestInFlight",
        f"{_RECONCILIATION}::TestLiveAttempt",
    ),
    bug(
        "the history is not compared by what was asked for",
        _GENERATIONS + "matching.py",
        "    return path, json.dumps(asked, sort_keys=True)",
        "    return path, json.dumps(bool(asked), sort_keys=True)",
        f"{_MATCHING}::TestInput",
    ),
    bug(
        "the history is not compared by time",
        _GENERATIONS + "matching.py",
        "    return window[0] <= moment <= window[1]",
        "    return window[0] <= window[1] and moment is not None",
        f"{_MATCHING}::TestTime",
    ),
    bug(
        "a task is bound and its job sleeps on",
        _GENERATIONS + "reconciliation.py",
        "    if live:\n        await wake_all(session, GENERATE, live)\n",
        "",
        f"{_RECONCILIATION}::TestLiveAttempt",
    ),
    bug(
        "an orphan is not noted",
        _GENERATIONS + "reconciliation.py",
        "    late = [one for one in late if one.task.state is not TaskState.PENDING]\n",
        "    late = [one for one in late if one.task.state is TaskState.PENDING]\n",
        "domain/generations/test_orphans.py::TestOrphan",
    ),
    bug(
        "a restored database is taken for the old one",
        _GENERATIONS + "restores.py",
        "    if known == identity:\n",
        "    if known == identity or known is not None:\n",
        "domain/generations/test_restores.py::TestLaterStart",
    ),
)
