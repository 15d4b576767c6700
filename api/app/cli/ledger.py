"""The verbs of an operator about the book: which wallets are frozen, and letting them go."""

import json
from typing import Annotated

import typer

from app.cli.shared import Json, say, with_resources
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import FreezeRead
from app.resources import Resources

app = typer.Typer(no_args_is_help=True, help="The book.")
freezes_app = typer.Typer(no_args_is_help=True, help="Wallets that an audit found in disorder: list, lift.")
app.add_typer(freezes_app, name="freezes")


@freezes_app.command("list")
def freezes_list(as_json: Json = False) -> None:
    """Show the wallets that are frozen, and why."""

    async def fetch(resources: Resources) -> list[FreezeRead]:
        async with resources.reading() as session:
            return await ledger.frozen(session)

    rows = with_resources(fetch)
    if as_json:
        say(json.dumps([row.model_dump(mode="json") for row in rows]))
    for row in rows if not as_json else []:
        say(f"account {row.account_id} of {row.telegram_id} since {row.created_at:%Y-%m-%d %H:%M}: {row.invariant} {row.violation}")


@freezes_app.command("lift")
def freezes_lift(
    account: Annotated[int, typer.Option(min=1, max=2**63 - 1, help="The account, as `list` shows it.")],
    reason: Annotated[str, typer.Option(help="What was found and done; it is kept.")],
) -> None:
    """Let a frozen wallet be used again. What was found so far does not freeze it again; anything new does."""

    async def lift(resources: Resources) -> None:
        async with resources.transaction() as session:
            await ledger.lift(session, account, reason=reason)

    with_resources(lift)
    say(f"account {account} can be used again")
