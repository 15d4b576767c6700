"""`GET /docs/errors`: the page that the `type` of every problem points to, made from the error classes themselves."""

from html import escape

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from app.core.errors import RassomError

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Errors</title><style>body{{font:16px/1.5 system-ui;max-width:46rem;margin:2rem auto;padding:0 1rem}}code{{font-size:1.1em}}
section:target{{background:#fff3c4}}</style><h1>Errors</h1><p>Every error answer is a problem (RFC 9457); its <code>code</code> is
stable. Nothing was charged by an answer that refuses.</p>{sections}</html>"""
_SECTION = "<section id='{anchor}'><h2><code>{code}</code> {status}</h2><p><b>{title}.</b> {meaning}</p></section>"
_FRAMEWORK = (
    ("validation_error", 422, "The request is not valid", "`errors` names each field and what is wrong with it."),
    ("not_found", 404, "Not Found", "There is nothing at this address."),
    ("method_not_allowed", 405, "Method Not Allowed", "This address knows other methods."),
    ("internal_error", 500, "Internal error", "The request id leads the operator to the reason."),
)


@router.get("/docs/errors")
async def errors_page() -> HTMLResponse:
    """Every code with its status and meaning."""
    rows = {(error.code, error.status, error.title, (error.__doc__ or "").strip()) for error in _all_errors(RassomError)}
    known = {code for code, *_ in rows}
    rows |= {row for row in _FRAMEWORK if row[0] not in known}
    return HTMLResponse(_PAGE.format(sections="".join(_section(*row) for row in sorted(rows))))


def _section(code: str, status: int, title: str, meaning: str) -> str:
    anchor = code.replace("_", "-")
    return _SECTION.format(anchor=anchor, code=code, status=status, title=escape(title), meaning=escape(meaning))


def _all_errors(root: type[RassomError]) -> list[type[RassomError]]:
    found = []
    for error in root.__subclasses__():
        found += [*([error] if hasattr(error, "code") else []), *_all_errors(error)]
    return found
