"""Table `api_keys`: service keys by the hash of their secret; the secret itself is shown once and stored nowhere."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, identity


class ApiKey(Base):
    """One service key: what it may do (`scopes`) and since when it may not (`revoked_at`)."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("scopes <@ ARRAY['bot','admin'] AND cardinality(scopes) > 0", name="scopes_known"),
        Index("uq_api_keys_name_active", "name", unique=True, postgresql_where="revoked_at IS NULL"),
    )

    id: Mapped[int] = identity()
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]
