"""The `rassom` command. Thin: each verb reads its options, calls one function, and says what came of it.

Exit codes: 0 done, 1 refused or failed (the reason is one sentence on stderr), 2 wrong usage, 130 interrupted.
"""

import sys


def main() -> None:
    """Run the command; what a user can mend is one sentence, never a traceback."""
    try:
        # Here and not above: a Ctrl-C while the programs are still being loaded is a Ctrl-C, too.
        from app.cli.commands import run  # noqa: PLC0415 - see above

        run()
    except KeyboardInterrupt:
        sys.exit(130)
