"""All verbs under one command."""

import asyncpg
import typer
from sqlalchemy.exc import DBAPIError

from app.cli import ledger, operators, payments, programs
from app.cli.shared import fail
from app.core.config import SettingsError
from app.core.errors import RassomError

app = typer.Typer(no_args_is_help=True, help="Rassom: the backend of picture shops in Telegram.", add_completion=False)
app.add_typer(programs.app)
app.add_typer(operators.app)
app.add_typer(operators.keys_app, name="keys")
app.add_typer(operators.models_app, name="models")
app.add_typer(operators.orphans_app, name="orphans")
app.add_typer(operators.credits_app, name="credits")
app.add_typer(ledger.app, name="ledger")
app.add_typer(payments.packages_app, name="packages")
app.add_typer(payments.payments_app, name="payments")


def run() -> None:
    """Read the command line and do it. Raises SystemExit with its exit code."""
    try:
        app()
    except (SettingsError, RassomError) as error:
        fail(str(error))
    except (OSError, DBAPIError, asyncpg.PostgresError) as error:
        # No server there, or one without our tables.
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        fail(f"The database could not do this: {reason}. Is DATABASE_URL right, and has `rassom migrate` run?")
