"""Which paths a middleware leaves alone."""

from collections.abc import Collection


def is_below(path: str, roots: Collection[str]) -> bool:
    """Whether `path` is one of `roots` or stands below one of them, as /a/b does below /a and /ab does not."""
    for root in roots:  # noqa: SIM110 - asked for every request, several times: a generator costs four times as much
        if path.startswith(root) and path[len(root) : len(root) + 1] in {"", "/"}:
            return True
    return False
