"""What api/Dockerfile would make, without an engine: the tree that its last stage copies, and its programs installed as it says."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = ROOT / "api/Dockerfile"
# Installed once from the lock; in the image they are on PATH like `rassom` is.
LIBRARIES = sysconfig.get_path("purelib")


@dataclass(frozen=True)
class Instruction:
    """One line of the Dockerfile, continuations joined, and the stage that it belongs to."""

    stage: int
    word: str
    rest: str

    @property
    def copied(self) -> tuple[list[str], str]:
        """Sources and destination of a COPY, without its flags."""
        *sources, destination = [word for word in shlex.split(self.rest) if not word.startswith("--")]
        return sources, destination

    @property
    def command(self) -> list[str]:
        """The program of a HEALTHCHECK, ENTRYPOINT or CMD, which stands there as JSON."""
        words: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return words


@dataclass(frozen=True)
class Image:
    """The assembled tree (`app` stands for /app) and the environment of its programs."""

    app: Path
    bin: Path

    def environment(self, **more: str) -> dict[str, str]:
        """What a container has, and nothing of the shell that runs the tests."""
        return {"PATH": f"{self.bin}{os.pathsep}/usr/bin{os.pathsep}/bin", "PYTHONUNBUFFERED": "1", **more}


def instructions() -> list[Instruction]:
    """The Dockerfile, line by line."""
    lines = "\n".join(line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#"))
    stage, found = -1, []
    for line in lines.replace("\\\n", "").splitlines():
        word, _, rest = line.partition(" ")
        stage += word == "FROM"
        found += [Instruction(stage, word, rest.strip())] if word else []
    return found


def of_last_stage(word: str) -> list[Instruction]:
    """The instructions that make the image itself."""
    last = max(each.stage for each in instructions())
    return [each for each in instructions() if each.stage == last and each.word == word]


def is_in_context(path: str) -> bool:
    """Whether .dockerignore, which begins with refusing everything, lets this file or folder through."""
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert first == "*"
    allowed = [line.removeprefix("!") for line in rest if line.startswith("!")]
    return any(path == each or path.startswith(f"{each}/") for each in allowed)


def assemble(folder: Path) -> Image:
    """Copy what the last stage copies, and install the programs from it as the Dockerfile does."""
    app = folder / "app"
    app.mkdir()
    for copy in of_last_stage("COPY"):
        if "--from=" not in copy.rest:
            _copy(*copy.copied, app)
    environment = folder / "venv"
    venv.create(environment, symlinks=True, with_pip=False)
    libraries = environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    # The libraries of this test run. Its own pointer to the checkout is left behind: a `.pth` in there is not followed from here.
    (libraries / "libraries.pth").write_text(f"{LIBRARIES}\n")
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), "--disable-pip-version-check", "--quiet"]
    install = [*pip, "install", "--no-deps", "--no-build-isolation", "--no-index", "--ignore-installed", "--editable", str(app)]
    subprocess.run(install, check=True)
    _install_script("alembic", environment / "bin")
    return Image(app, environment / "bin")


def _copy(sources: list[str], destination: str, app: Path) -> None:
    assert re.fullmatch(r"\./([\w.]+/)*", destination), f"{destination} is not below WORKDIR"
    for source in sources:
        if source.endswith("/"):
            shutil.copytree(ROOT / source, app / destination, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            shutil.copy2(ROOT / source, app / destination)


def _install_script(name: str, into: Path) -> None:
    script = (Path(sys.executable).parent / name).read_text()
    (into / name).write_text(re.sub(r"\A#!.*", f"#!{into / 'python'}", script))
    (into / name).chmod(0o755)
