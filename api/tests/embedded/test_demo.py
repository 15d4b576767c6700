"""`rassom up --demo` on a machine where nothing is: one picture, and nothing left but the picture and the data."""

import subprocess
import sys
from pathlib import Path

from PIL import Image

from app import demo
from tests.programs import bare_environment, cleared, processes_of

PATIENCE_S = 120


class TestDemo:
    def test_ends_with_a_picture_of_the_size_that_was_asked_for(self, empty_home: Path) -> None:
        with cleared(empty_home):
            # Without PORT: it takes another one when 8000 is in use.
            done = subprocess.run(
                [sys.executable, "-m", "app.cli", "up", "--demo"],
                env=bare_environment(empty_home),
                cwd=empty_home,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_S,
            )

            assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
            assert processes_of(empty_home) == []
        pictures = list(empty_home.glob("rassom-demo-*"))
        assert [str(path.resolve()) in done.stdout for path in pictures] == [True]
        with Image.open(pictures[0]) as picture:
            picture.load()
            assert "*".join(str(side) for side in picture.size) == demo.SIZE
