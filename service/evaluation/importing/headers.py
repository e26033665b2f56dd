"""Headers: what a column holds. Case, spaces, underscores and hyphens do not matter; names do as well as ids."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from service.domain.rubric import Rubric
from service.tabular.headers import normalize, read_name

FORMS = (
    "id, answer, question, kind, CRITERION, overall, red_flags, reason:CRITERION (these four also with @RATER) "
    "or group:NAME"
)


class Role(StrEnum):
    ID = "id"
    ANSWER = "answer"
    QUESTION = "question"
    KIND = "kind"
    LEVEL = "level"
    OVERALL = "overall"
    REASON = "reason"
    RED_FLAGS = "red_flags"
    GROUP = "group"


OF_A_CASE = (Role.ID, Role.ANSWER, Role.QUESTION, Role.KIND)


@dataclass(frozen=True, slots=True)
class Target:
    """What a column holds. `name` is the criterion or the group; `rater` is "" where the header names none."""

    role: Role
    name: str = ""
    rater: str = ""

    @property
    def key(self) -> tuple[Role, str, str]:
        """The same for two columns that hold the same: Alice is ALICE."""
        return self.role, self.name, self.rater.casefold()


class HeaderReader:
    """Reads the headers of tables that were rated under one rubric."""

    def __init__(self, rubric: Rubric) -> None:
        names = {normalize(criterion.name): criterion.id for criterion in rubric.criteria}
        self._criteria = names | {normalize(criterion.id): criterion.id for criterion in rubric.criteria}
        self._plain = {normalize(role): role for role in (*OF_A_CASE, Role.OVERALL, Role.RED_FLAGS)}
        self._known = {**self._criteria, **{name: role.value for name, role in self._plain.items()}}

    def read(self, header: str) -> Target | None:
        """What a column with this header holds; None for an unknown one. Raises ImportInvalid for half a name."""
        prefix, rest = _split_prefix(header)
        if prefix == Role.GROUP:
            return Target(Role.GROUP, read_name(rest))
        head, at, rater = rest.partition("@")
        role, name = self._find(prefix, normalize(head))
        if role is None or (at and role in OF_A_CASE):
            return None
        return Target(role, name, read_name(rater) if at else "")

    def _find(self, prefix: str, name: str) -> tuple[Role | None, str]:
        if prefix == "" and name in self._plain:
            return self._plain[name], ""
        if name not in self._criteria:
            return None, ""
        return Role(prefix or Role.LEVEL), self._criteria[name]

    def suggest(self, header: str) -> str | None:
        """The known header that this one may be a misspelling of."""
        prefix, rest = _split_prefix(header)
        head, at, rater = rest.partition("@")
        near = get_close_matches(normalize(head), self._known, n=1, cutoff=0.75)
        return f"{f'{prefix}:' if prefix else ''}{self._known[near[0]]}{at}{rater.strip()}" if near else None


def _split_prefix(header: str) -> tuple[str, str]:
    prefix, colon, rest = header.partition(":")
    if colon and normalize(prefix) in (Role.LEVEL, Role.REASON, Role.GROUP):
        return normalize(prefix), rest
    return "", header
