"""Tables `model_catalog` and `model_prices`: what is sold and for how much. What a model takes stands in core/model_options.py."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, identity


class CatalogModel(Base):
    """A model on sale."""

    __tablename__ = "model_catalog"

    id: Mapped[int] = identity()
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    provider: Mapped[str]
    supports_text_to_image: Mapped[bool]
    supports_image_to_image: Mapped[bool]
    is_active: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ModelPrice(Base):
    """A price of a model; a new price is a new row and the old one stays, inactive."""

    __tablename__ = "model_prices"
    __table_args__ = (
        CheckConstraint("unit_price > 0", name="unit_price_positive"),
        CheckConstraint("currency = 'credit'", name="currency_known"),
        Index("uq_model_prices_model_id_active", "model_id", unique=True, postgresql_where="is_active"),
    )

    id: Mapped[int] = identity()
    model_id: Mapped[int] = mapped_column(ForeignKey("model_catalog.id"))
    currency: Mapped[str] = mapped_column(server_default="credit")
    unit_price: Mapped[int]
    is_active: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
