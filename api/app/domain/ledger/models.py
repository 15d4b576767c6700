"""Tables of the book: accounts, transfers, entries; and which wallets are frozen.

Double entry: a transfer has two or more entries that sum to zero, inserted by one statement. Rows are never updated or deleted.
What the database itself refuses, whoever writes (triggers are created in migration 0002):

- an entry's `seq`, `balance_after` and hashes are computed by a BEFORE INSERT trigger under the account's row lock;
- a statement whose transfers do not sum to zero is refused by an AFTER INSERT statement trigger;
- UPDATE, DELETE and TRUNCATE are refused by triggers, and their privileges are revoked from the owner;
- wallets and holds cannot go below zero (check); a hold ends once (unique hold_id);
- a frozen wallet takes nothing but the ends of its holds and what was paid outside (the trigger of migration 0008).
"""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, identity
from app.domain.ledger.rules import NEVER_NEGATIVE_KINDS, AccountKind, EntryType


def _in(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


class LedgerAccount(Base):
    """A user's wallet, or one stripe of a house account."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        CheckConstraint(_in("kind", tuple(AccountKind)), name="kind_known"),
        CheckConstraint("(kind = 'wallet') = (user_id IS NOT NULL)", name="wallet_has_user"),
        CheckConstraint("(kind = 'wallet') = (stripe IS NULL)", name="house_has_stripe"),
        UniqueConstraint("user_id"),
        UniqueConstraint("kind", "stripe"),
        UniqueConstraint("id", "kind"),
    )

    id: Mapped[int] = identity()
    kind: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    stripe: Mapped[int | None] = mapped_column(SmallInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LedgerTransfer(Base):
    """One movement. A capture or release names the hold that it ends: once, by the unique constraint. `actor` gave a grant."""

    __tablename__ = "ledger_transfers"
    __table_args__ = (
        CheckConstraint(_in("entry_type", tuple(EntryType)), name="entry_type_known"),
        CheckConstraint(
            "(entry_type IN ('generation_capture', 'generation_release')) = (hold_id IS NOT NULL)",
            name="ends_have_hold",
        ),
        UniqueConstraint("hold_id"),
    )

    id: Mapped[int] = identity()
    entry_type: Mapped[str]
    hold_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_transfers.id"))
    actor: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LedgerEntry(Base):
    """One leg of a transfer, a link in its account's chain: `hash` covers the row and the hash before it."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "account_kind"], ["ledger_accounts.id", "ledger_accounts.kind"]),
        CheckConstraint("amount <> 0", name="amount_not_zero"),
        CheckConstraint(f"balance_after >= 0 OR NOT ({_in('account_kind', NEVER_NEGATIVE_KINDS)})", name="balance_not_negative"),
        UniqueConstraint("account_id", "seq"),
        UniqueConstraint("transfer_id", "account_id"),
        # A user's open hold is among the newest few of these, so `held` costs the same with ten entries and with ten million.
        Index(
            "ix_ledger_entries_account_id_seq_hold",
            "account_id",
            "seq",
            postgresql_where="entry_type = 'generation_hold'",
        ),
        Index("ix_ledger_entries_created_at", "created_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
    )

    id: Mapped[int] = identity()
    transfer_id: Mapped[int] = mapped_column(ForeignKey("ledger_transfers.id"))
    account_id: Mapped[int]
    account_kind: Mapped[str]
    seq: Mapped[int]
    amount: Mapped[int]
    balance_after: Mapped[int]
    entry_type: Mapped[str]
    reference_id: Mapped[str | None]
    description: Mapped[str | None]
    created_at: Mapped[datetime]
    prev_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class LedgerFreeze(Base):
    """A wallet that an audit found in disorder, until an operator lifts it. `violation` is for people; `evidence` stands for all
    that was found of this invariant, so that what was looked at and lifted does not freeze again, and anything new does.
    """

    __tablename__ = "ledger_freezes"
    __table_args__ = (
        CheckConstraint("(lifted_at IS NULL) = (lifted_reason IS NULL)", name="lifted_has_reason"),
        UniqueConstraint("account_id", "invariant", "evidence"),
        Index("ix_ledger_freezes_account_id_active", "account_id", postgresql_where="lifted_at IS NULL"),
    )

    id: Mapped[int] = identity()
    account_id: Mapped[int] = mapped_column(ForeignKey("ledger_accounts.id"))
    invariant: Mapped[str]
    violation: Mapped[str]
    evidence: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    lifted_at: Mapped[datetime | None]
    lifted_reason: Mapped[str | None]
