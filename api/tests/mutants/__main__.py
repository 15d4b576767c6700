"""`make mutants`: each seeded bug in a copy of the tree, and the tests that must turn red there. Fails when one stays green."""

import argparse
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutants import BUGS
from tests.mutants.bug import ROOT, Bug

TIMEOUT_S = 240
BASELINE_TIMEOUT_S = 900
STOP_TIMEOUT_S = 20
SLOTS = 2
_COPIED = ("api", "simulator", "telegram_simulator", "pyproject.toml")
_LEFT_BEHIND = shutil.ignore_patterns("__pycache__", ".*_cache", ".venv", ".rassom")
_WHERE = (
    "import app, simulator, telegram_simulator as telegram, tests as t; print(*(m.__file__ for m in (app, simulator, telegram, t)))"
)
_FAILED = 1


@dataclass(frozen=True)
class Outcome:
    """What the named tests said of a bug: caught only when a test failed, not when it could not run."""

    bug: Bug
    is_caught: bool
    took_s: float
    said: str


class Tree:
    """A copy of the tree whose tests run its own code."""

    def __init__(self, folder: Path) -> None:
        self._root = folder
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=_LEFT_BEHIND)
            else:
                shutil.copy(source, folder / name)
        # Before the checkout that the environment has installed for editing.
        path = os.pathsep.join(str(folder / name) for name in ("api", "simulator", "telegram_simulator"))
        self._env = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        found = self._run(["-c", _WHERE]).stdout.split()
        if not found or not all(Path(file).is_relative_to(folder) for file in found):
            msg = f"the copy in {folder} would test another tree: {found}"
            raise RuntimeError(msg)

    def run_tests(self, names: list[str], *, processes: int, timeout_s: int) -> subprocess.CompletedProcess[str]:
        """pytest with these tests until the first one fails; exit code 1 when one did."""
        tests = [f"api/tests/{name}" for name in names]
        return self._run(["-m", "pytest", "-x", "-q", "-n", str(processes), "-p", "no:cacheprovider", *tests], timeout_s)

    def judge(self, bug: Bug) -> Outcome:
        """Seed the bug, run its tests, and put everything back. Raises PatchError."""
        started_s = time.monotonic()
        before = {edit.path: (self._root / edit.path).read_text() for edit in bug.edits}
        try:
            for edit in bug.edits:
                edit.apply(self._root)
            run = self.run_tests(list(bug.tests), processes=0, timeout_s=TIMEOUT_S)
        finally:
            for path, text in before.items():
                (self._root / path).write_text(text)
        is_caught = run.returncode == _FAILED and "\nFAILED " in run.stdout
        return Outcome(bug, is_caught, time.monotonic() - started_s, run.stdout[-2000:] + run.stderr[-2000:])

    def _run(self, words: list[str], timeout_s: int = TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=self._root, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            said, complained = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # pytest stops its databases then, and its exit code is another one
            try:
                said, complained = process.communicate(timeout=STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                said, complained = process.communicate()
        return subprocess.CompletedProcess(words, process.returncode, said, complained)


def main() -> int:
    """Run what the arguments say; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="bugs whose name contains this")
    parser.add_argument("--show", action="store_true", help="print what the tests of a survivor said")
    parser.add_argument("--trusting", action="store_true", help="do not run the tests without a bug first")
    chosen = parser.parse_args()
    bugs = [bug for bug in BUGS if chosen.only in bug.name]
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rassom-mutants-") as folder:
        trees = [Tree(Path(folder) / str(slot)) for slot in range(SLOTS)]
        say(f"{len(bugs)} bugs" + ("" if chosen.trusting else "; first their tests without any"))
        if not chosen.trusting and not _are_green_before(trees[0], bugs):
            return 1
        outcomes = _judge_all(trees, bugs)
    survivors = [outcome for outcome in outcomes if not outcome.is_caught]
    for outcome in survivors:
        say(f"SURVIVED {outcome.bug.name}: {', '.join(outcome.bug.tests)}")
        if chosen.show:
            say(outcome.said)
    say(f"mutants: {len(outcomes) - len(survivors)} of {len(outcomes)} bugs caught in {time.monotonic() - started_s:.0f} s")
    return int(bool(survivors))


def _are_green_before(tree: Tree, bugs: list[Bug]) -> bool:
    done = tree.run_tests(sorted({name for bug in bugs for name in bug.tests}), processes=SLOTS, timeout_s=BASELINE_TIMEOUT_S)
    if done.returncode != 0:
        say(f"NOT GREEN BEFORE:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    return done.returncode == 0


def _judge_all(trees: list[Tree], bugs: list[Bug]) -> list[Outcome]:
    telling = threading.Lock()
    free: queue.SimpleQueue[Tree] = queue.SimpleQueue()
    for tree in trees:
        free.put(tree)

    def judge(bug: Bug) -> Outcome:
        tree = free.get()
        try:
            outcome = tree.judge(bug)
        finally:
            free.put(tree)
        with telling:
            say(f"{outcome.took_s:5.1f} s  {'caught  ' if outcome.is_caught else 'SURVIVED'}  {bug.name}")
        return outcome

    with ThreadPoolExecutor(SLOTS) as pool:
        return list(pool.map(judge, bugs))


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
