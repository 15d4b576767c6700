"""A page of a list: newest first, with the cursor of the next page."""

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """`next_cursor` is null on the last page; rows that are added meanwhile move nothing between pages."""

    items: list[T]
    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page")
