"""What a column holds, by its header: our own names, what survey tools and German spreadsheets call it, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from service.errors import ImportInvalid
from service.tabular.headers import normalize, read_name

FORMS = "answer, question, candidate, external_id, kind, audio, group:NAME or question:ID"


class Role(StrEnum):
    ANSWER = "answer"
    QUESTION = "question"
    CANDIDATE = "candidate"
    EXTERNAL_ID = "external_id"
    KIND = "kind"
    AUDIO = "audio"
    GROUP = "group"
    ASKED = "asked"  # the answers to one question, in a wide file


SINGLE = tuple(role for role in Role if role not in (Role.GROUP, Role.ASKED))

# The surer names first: of two columns that may hold the same, the one that is named first here is taken.
_SYNONYMS = {
    Role.ANSWER: (
        "answer answers answer_text candidate_answer response responses response_text candidate_response transcript "
        "transcription reply antwort antworten antworttext réponse respuesta risposta text"
    ),
    Role.QUESTION: "question question_id question_text frage frage_id fragetext prompt item pregunta domanda",
    Role.CANDIDATE: (
        "candidate candidate_ref candidate_reference candidate_id candidate_number applicant applicant_ref "
        "applicant_id applicant_number kandidat kandidatin kandidat_id bewerber bewerberin bewerber_id bewerbernummer "
        "participant participant_id respondent respondent_id person person_id id email e_mail email_address mail "
        "candidate_email candidate_name applicant_name name full_name"
    ),
    Role.EXTERNAL_ID: (
        "external_id external answer_id response_id submission_id record_id row_id case_id reference ref id"
    ),
    Role.KIND: "kind answer_kind answer_type",
    Role.AUDIO: "audio audio_path audio_file audio_url recording recording_path recording_url",
}
RANKS = {role: {normalize(name): rank for rank, name in enumerate(names.split())} for role, names in _SYNONYMS.items()}
_PERSONAL_NAMES = "email e_mail email_address mail candidate_email candidate_name applicant_name name full_name"
_PERSONAL = frozenset(map(normalize, _PERSONAL_NAMES.split()))


@dataclass(frozen=True, slots=True)
class Target:
    """What a column holds. `name` is the group's, or the id or text of the question that is answered in it."""

    role: Role
    name: str = ""

    def __str__(self) -> str:
        if self.role in SINGLE:
            return self.role.value
        return f"{'question' if self.role is Role.ASKED else 'group'}:{self.name}"


def read_prefix(text: str) -> Target | None:
    """What `group:site` or `question:worked-in-a-team` says; None without such a prefix. Raises ImportInvalid."""
    prefix, colon, rest = text.partition(":")
    if not colon:
        return None
    if normalize(prefix) == "group":
        return Target(Role.GROUP, read_name(rest))
    return Target(Role.ASKED, rest.strip()) if normalize(prefix) == "question" and rest.strip() else None


def read_key(key: str) -> Target:
    """What the left side of a mapping says a column holds. Raises ImportInvalid for what no column can."""
    target = read_prefix(key)
    if target is not None:
        return target
    names = {normalize(role.value): role for role in SINGLE}
    role = names.get(normalize(key))
    if role is None:
        near = get_close_matches(normalize(key), names, n=1, cutoff=0.7)
        raise ImportInvalid(f"expected {FORMS} before the =.{f' Did you mean {names[near[0]].value}?' if near else ''}")
    return Target(role)


def suggest_role(header: str) -> str | None:
    """What a header that is misspelt may have meant."""
    known = {name: role for role, ranks in RANKS.items() for name in ranks if len(name) > 4}
    near = get_close_matches(normalize(header), known, n=1, cutoff=0.8)
    return known[near[0]].value if near else None


def is_personal(header: str) -> bool:
    """Whether the column holds names or addresses of people rather than a reference."""
    return normalize(header) in _PERSONAL
