"""The body of every error answer: RFC 9457 problem details."""

from pydantic import BaseModel, ConfigDict


class FieldError(BaseModel):
    """One refused field: its dotted path and what is wrong with it."""

    field: str
    message: str


class Problem(BaseModel):
    """An error as the outside sees it; members of the particular error stand beside these."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
