"""`python -m bot`: the shop in Telegram, from the command line. Its settings are environment variables."""

import asyncio
import sys

from bot.logs import configure_logging
from bot.program import run
from bot.settings import SettingsError, load_settings


def main() -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit code. A wrong setting is one line and code 1."""
    try:
        settings = load_settings()
        configure_logging(settings)
        asyncio.run(run(settings))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
