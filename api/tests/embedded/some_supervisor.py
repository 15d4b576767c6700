"""A program that starts a PostgreSQL, a Valkey and a sleeper in HOME, says `ready` and waits until it is killed."""

import signal
import sys
import time
from pathlib import Path

from app.embedded import postgres, processes, valkey


def main() -> None:
    home = Path(sys.argv[1])
    with postgres.start(home, durable=False), valkey.start(home):
        sleeper = processes.start([sys.executable, "-c", "import time; time.sleep(60)"], log=home / "log" / "sleeper.log")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        time.sleep(60)
        processes.stop(sleeper, signal.SIGTERM, within_s=1)


if __name__ == "__main__":
    main()
