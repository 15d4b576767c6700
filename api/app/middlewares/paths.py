"""Which paths a middleware leaves alone."""

from collections.abc import Collection


def is_below(path: str, roots: Collection[str]) -> bool:
    """Whether `path` is one of `roots` or stands below one of them, as /a/b does below /a and /ab does not."""
    return any(path == root or path.startswith(f"{root}/") for root in roots)
