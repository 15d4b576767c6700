"""Which paths a middleware leaves alone."""

import re
from collections.abc import Callable, Collection


def below(roots: Collection[str]) -> Callable[[str], object]:
    """What says (as truth) of a path whether it is one of `roots` or below one of them, as /a/b is below /a and /ab is not.

    Asked several times for every request, so the roots are read once.
    """
    any_root = "|".join(map(re.escape, roots)) or "(?!)"
    return re.compile(rf"(?:{any_root})(?:/|\Z)").match
