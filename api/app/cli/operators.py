"""The verbs of an operator: audit, keys, credits, models, orphans."""

import json
import sys
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer

from app.cli.shared import Json, complain, fail, say, with_resources
from app.domain.audit import service as audits
from app.domain.audit.schemas import AuditRead
from app.domain.catalogue import service as catalogue
from app.domain.catalogue.schemas import ModelRow
from app.domain.generations import reconciliation
from app.domain.generations.models import GenerationOrphan
from app.domain.keys import rules as key_rules
from app.domain.keys import service as keys
from app.domain.keys.models import ApiKey
from app.domain.ledger import service as ledger
from app.domain.ledger.schemas import AMOUNT_MAX, CreditsRead, Memo
from app.resources import Resources

app = typer.Typer()
keys_app = typer.Typer(no_args_is_help=True, help="Service keys: create, list, revoke.")
credits_app = typer.Typer(no_args_is_help=True, help="Credits of a user.")
orphans_app = typer.Typer(no_args_is_help=True, help="Tasks that the operator paid for and nobody bought.")
models_app = typer.Typer(no_args_is_help=True, help="What is on sale: models and their prices.")


class Scope(StrEnum):
    """What a key may do: `bot` acts for any user, `admin` also grants credits."""

    BOT = "bot"
    ADMIN = "admin"


@app.command()
def audit(as_json: Json = False) -> None:
    """Check every invariant in one snapshot; exit code 1 on a violation. Changes nothing."""
    # On a terminal each invariant is named before it is checked, apart from what is printed: a large book takes its time.
    begins = complain if sys.stderr.isatty() else None

    async def check(resources: Resources) -> AuditRead:
        async with resources.transaction() as session:
            return await audits.run(session, begins)

    report = with_resources(check)
    if as_json:
        say(report.model_dump_json(indent=2))
    else:
        for finding in report.findings:
            verdict = "ok" if finding.is_clean else f"{finding.violations} VIOLATIONS: {'; '.join(finding.examples)}"
            say(f"{finding.invariant:4} {finding.title}: {verdict}")
    raise typer.Exit(0 if report.is_clean else 1)


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Option(help="What the key is for; unique among active keys.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; may be given twice.")],
    as_json: Json = False,
) -> None:
    """Make a key and print its secret: once, it is stored nowhere."""

    async def create(resources: Resources) -> tuple[ApiKey, str]:
        async with resources.transaction() as session:
            return await keys.create(session, name=name, scopes=sorted(set(scope)))

    key, secret = with_resources(create)
    say(json.dumps(_shown(key) | {"secret": secret}) if as_json else secret)


@keys_app.command("generate")
def keys_generate() -> None:
    """Print a fresh secret for BOOTSTRAP_API_KEY; nothing is stored."""
    say(key_rules.generate_secret())


@keys_app.command("list")
def keys_list(as_json: Json = False) -> None:
    """Show all keys, without their secrets."""

    async def fetch(resources: Resources) -> list[dict[str, Any]]:
        async with resources.reading() as session:
            return [_shown(key) for key in await keys.list_all(session)]

    rows = with_resources(fetch)
    if as_json:
        say(json.dumps(rows))
    for row in rows if not as_json else []:
        state = f"revoked {row['revoked_at']}" if row["revoked_at"] else "active"
        say(f"{row['prefix']}…  {row['name']:24} {','.join(row['scopes']):10} {state}")


@keys_app.command("revoke")
def keys_revoke(name: Annotated[str, typer.Argument(help="The key's name or its prefix.")]) -> None:
    """Revoke a key; it is refused from now on."""

    async def revoke(resources: Resources) -> ApiKey:
        async with resources.transaction() as session:
            return await keys.revoke(session, name)

    say(f"revoked {with_resources(revoke).name}")


@credits_app.command("grant")
def credits_grant(
    telegram_id: Annotated[int, typer.Option(min=1, max=2**52 - 1, help="Whose credits.")],
    amount: Annotated[int, typer.Option(min=-AMOUNT_MAX, max=AMOUNT_MAX, help="How many; negative takes back, never below zero.")],
    reason: Annotated[str, typer.Option(help="Why; stands on the user's statement.")],
    as_json: Json = False,
) -> None:
    """Give credits to a user (or take them back)."""
    if amount == 0:
        fail("--amount must not be 0")

    async def grant(resources: Resources) -> CreditsRead:
        async with resources.transaction() as session:
            return await ledger.grant(session, telegram_id=telegram_id, amount=amount, memo=Memo(None, reason, actor="cli"))

    granted = with_resources(grant)
    say(granted.model_dump_json() if as_json else f"balance of {telegram_id}: {granted.balance}")


@orphans_app.command("list")
def orphans_list(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 100, as_json: Json = False
) -> None:
    """Show the tasks that turned up after their generation had failed, and what the provider took for them."""

    async def fetch(resources: Resources) -> tuple[list[GenerationOrphan], tuple[int, Decimal]]:
        async with resources.reading() as session:
            found = await reconciliation.list_orphans(session, limit=limit)
            return list(found), await reconciliation.sum_orphans(session)

    orphans, (count, cost_usd) = with_resources(fetch)
    if as_json:
        say(json.dumps([_orphan(orphan) for orphan in orphans]))
        return
    for row in map(_orphan, orphans):
        cost = row["cost_usd"] or "?"
        say(f"{row['noted_at']}  generation {row['generation_id']}  {row['task_id']}  {row['status']}  {cost} USD")
    say(f"{count} in all, {cost_usd} USD")


@models_app.command("list")
def models_list(as_json: Json = False) -> None:
    """Show all models, also those not on sale."""

    async def fetch(resources: Resources) -> list[ModelRow]:
        async with resources.reading() as session:
            return await catalogue.list_all(session)

    rows = with_resources(fetch)
    if as_json:
        say(json.dumps([row.model_dump() for row in rows]))
    for row in rows if not as_json else []:
        say(f"{row.id:3}  {row.key:20} {row.price} credits  {'on sale' if row.is_active else 'off'}")


@models_app.command("price")
def models_price(
    key: Annotated[str, typer.Argument(help="The model's key.")],
    credits_each: Annotated[int, typer.Argument(metavar="CREDITS", min=1, help="What one generation costs from now on.")],
) -> None:
    """Set a model's price; running generations keep theirs."""

    async def change(resources: Resources) -> None:
        async with resources.transaction() as session:
            await catalogue.set_price(session, key, credits_each)

    with_resources(change)
    say(f"{key} costs {credits_each} credits")


@models_app.command("enable")
def models_enable(key: Annotated[str, typer.Argument(help="The model's key.")]) -> None:
    """Put a model on sale."""
    _set_on_sale(key, is_active=True)


@models_app.command("disable")
def models_disable(key: Annotated[str, typer.Argument(help="The model's key.")]) -> None:
    """Take a model off sale; running generations go on."""
    _set_on_sale(key, is_active=False)


def _set_on_sale(key: str, *, is_active: bool) -> None:
    async def change(resources: Resources) -> None:
        async with resources.transaction() as session:
            await catalogue.set_active(session, key, is_active=is_active)

    with_resources(change)
    say(f"{key} is {'on sale' if is_active else 'off'}")


def _orphan(orphan: GenerationOrphan) -> dict[str, Any]:
    return {
        "generation_id": orphan.generation_id,
        "attempt_id": orphan.attempt_id,
        "task_id": orphan.provider_job_id,
        "status": orphan.status,
        "cost_usd": str(orphan.cost_usd) if orphan.cost_usd is not None else None,
        "noted_at": orphan.noted_at.isoformat(),
    }


def _shown(key: ApiKey) -> dict[str, Any]:
    revoked = key.revoked_at.isoformat() if key.revoked_at else None
    return {
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "created_at": key.created_at.isoformat(),
        "revoked_at": revoked,
    }
