"""The verbs of an operator about payments: packages, what was paid, comparing with Telegram, and giving back."""

import json
import re
from typing import Annotated

import typer

from app.cli.shared import Json, fail, say, with_resources
from app.domain.ledger.errors import InsufficientCreditsError
from app.domain.payments import jobs
from app.domain.payments import service as payments
from app.domain.payments.schemas import CREDITS_MAX, STARS_MAX, ChargeRow, PackageRow, Reconciled
from app.resources import Resources

packages_app = typer.Typer(no_args_is_help=True, help="What is sold for Stars: list, set.")
payments_app = typer.Typer(no_args_is_help=True, help="Payments in Stars: list, reconcile, refund.")

_KEY = re.compile(r"[a-z0-9-]{1,32}")


@packages_app.command("list")
def packages_list(as_json: Json = False) -> None:
    """Show all packages in their order, also those not on sale."""

    async def fetch(resources: Resources) -> list[PackageRow]:
        async with resources.reading() as session:
            return await payments.list_packages(session)

    rows = with_resources(fetch)
    if as_json:
        say(json.dumps([row.model_dump() for row in rows]))
    for row in rows if not as_json else []:
        say(_package(row))


@packages_app.command("set")
def packages_set(  # noqa: PLR0917 - options of a command, by their names
    key: Annotated[str, typer.Option(help="The package's name: a-z, 0-9 and -, at most 32; a new one makes a new package.")],
    credits_each: Annotated[int, typer.Option("--credits", min=1, max=CREDITS_MAX, help="What it gives.")],
    stars: Annotated[int, typer.Option(min=1, max=STARS_MAX, help="What it costs.")],
    inactive: Annotated[bool, typer.Option("--inactive", help="Take it off sale; without this it is on sale.")] = False,
    position: Annotated[
        int | None, typer.Option(min=0, max=1_000_000, help="Its place in the list; by default as it was, or last.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a package or change it. Orders that were made keep their credits and their price."""
    if not _KEY.fullmatch(key):
        fail("--key must be 1 to 32 characters of a-z, 0-9 and -.")

    async def change(resources: Resources) -> PackageRow:
        async with resources.transaction() as session:
            return await payments.set_package(
                session, key, credits_each=credits_each, price_stars=stars, is_active=not inactive, position=position
            )

    row = with_resources(change)
    say(row.model_dump_json() if as_json else _package(row))


@payments_app.command("list")
def payments_list(
    telegram_id: Annotated[int | None, typer.Option(min=1, max=2**52 - 1, help="Only this person's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 100,
    as_json: Json = False,
) -> None:
    """Show what was paid, and what went back."""

    async def fetch(resources: Resources) -> list[ChargeRow]:
        async with resources.reading() as session:
            return await payments.list_charges(session, telegram_id=telegram_id, limit=limit)

    rows = with_resources(fetch)
    if as_json:
        say(json.dumps([row.model_dump(mode="json") for row in rows]))
    for row in rows if not as_json else []:
        more = f"  {row.refund_error}" if row.refund_error else ""
        say(
            f"{row.paid_at:%Y-%m-%d %H:%M}  {row.telegram_id}  {row.credits} credits  {row.price_stars} Stars  {row.status}"
            f"  {row.charge_id}{more}"
        )


@payments_app.command("reconcile")
def payments_reconcile(
    from_start: Annotated[bool, typer.Option("--all", help="From the bot's first transaction, not from the last time on.")] = False,
    as_json: Json = False,
) -> None:
    """Compare Telegram's Star transactions with what was credited, and end the refunds in doubt. Needs BOT_TOKEN.

    Exit code 1 when there is money that fits no order.
    """

    async def compare(resources: Resources) -> Reconciled:
        return await jobs.reconcile(resources, from_start=from_start)

    report = with_resources(compare)
    if as_json:
        say(report.model_dump_json())
    else:
        say(f"{report.seen} transactions: {report.credited} payments credited, {report.refunded} refunds noted")
        say(f"refunds in doubt: {report.ended} ended, {report.returned} refused by Telegram, {report.open} still open")
        for stray in report.strays:
            say(f"fits no order: {stray.charge_id} of {stray.telegram_id}, {stray.stars} Stars: {stray.reason}")
    raise typer.Exit(1 if report.strays else 0)


@payments_app.command("refund")
def payments_refund(
    charge_id: Annotated[str, typer.Option(help="Telegram's charge id, as `list` shows it.")],
    reason: Annotated[str, typer.Option(help="Why; stands on the user's statement.")],
    as_json: Json = False,
) -> None:
    """Give the Stars of a payment back: its credits are taken first, and never more than there are. Needs BOT_TOKEN."""

    async def give_back(resources: Resources) -> bool:
        return await jobs.refund(resources, charge_id, actor="cli", reason=reason)

    try:
        is_new = with_resources(give_back)
    except InsufficientCreditsError as error:
        members = error.members
        fail(f"Of the {members['required']} credits {members['balance']} are left, and no more can be taken. Nothing was changed.")
    if as_json:
        say(json.dumps({"charge_id": charge_id, "status": "refunded", "is_new": is_new}))
    else:
        say(f"the Stars of {charge_id} {'went' if is_new else 'had gone'} back")


def _package(row: PackageRow) -> str:
    return f"{row.position:4}  {row.key:20} {row.credits} credits  {row.price_stars} Stars  {'on sale' if row.is_active else 'off'}"
