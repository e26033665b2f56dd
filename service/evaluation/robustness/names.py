"""First names inside answers, replaced by those of another group."""

from __future__ import annotations

import re

from service.evaluation.robustness.draws import Draws
from service.evaluation.robustness.material import Names


def replace_names(answer: str, names: Names, origin: str, draws: Draws) -> str | None:
    """The answer with each known first name replaced, everywhere alike, by one of the same sex and this origin.

    None when the answer holds no name that `names.found` knows, or more of one sex than the group has. Names of this
    origin that stand in the answer already are not given to somebody else.
    """
    known = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names.found)))})\b")
    present = list(dict.fromkeys(known.findall(answer)))
    if not present:
        return None
    free = {
        group.sex: draws.shuffle([name for name in group.names if not re.search(rf"\b{re.escape(name)}\b", answer)])
        for group in names.groups
        if group.origin == origin
    }
    given: dict[str, str] = {}
    for name in present:
        left = free.get(names.found[name])
        if not left:
            return None
        given[name] = left.pop()
    return known.sub(lambda match: given[match[0]], answer)
