"""What the answers answer: a question of the rubric, by its id or its text, or a question of the team's own."""

from __future__ import annotations

import re
import unicodedata

from rapidfuzz import fuzz, process

from service.domain.answer import check_storable
from service.domain.rubric import FREE_QUESTION_ID, MAX_QUESTION_CHARACTERS, Question, Rubric
from service.errors import AnswerInvalid, ImportInvalid, UnknownQuestion

_NEARLY = 88  # of 100: one word in eight differs; two shipped questions are at most 70 alike
_SIMILAR = 75
_NUMBERING = re.compile(r"(?:q|question|frage)?\s*[0-9]{1,3}\s*[.:)–-]\s+", re.IGNORECASE)
_REMEMBERED = 1_000  # spellings; a file with an answer in the question's column has a new one in every row


class QuestionReader:
    """The questions of one rubric. A spelling that comes again is not looked up again."""

    def __init__(self, rubric: Rubric) -> None:
        self._rubric = rubric
        self._texts = {question.id: _simplify(question.text) for question in rubric.questions}
        self._known = {text: name for name, text in self._texts.items()}
        self._known |= {_simplify(name): name for name in self._texts}
        self._found: dict[str, Question] = {}

    def read(self, text: str) -> Question:
        """The question; raises ImportInvalid for an unknown one, without quoting it: it may be an answer."""
        if text not in self._found:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[text] = self._find(text)
        return self._found[text]

    def _find(self, text: str) -> Question:
        try:
            found = self._rubric.get_question(self._known.get(_simplify(text), check_storable(text, "question")))
        except AnswerInvalid as error:
            raise ImportInvalid(str(error)) from None
        except UnknownQuestion as error:
            raise ImportInvalid(str(error) if len(text) > MAX_QUESTION_CHARACTERS else self._explain(text)) from None
        return found

    def _explain(self, text: str) -> str:
        near = process.extractOne(_simplify(text), list(self._known), scorer=fuzz.ratio, score_cutoff=_SIMILAR)
        own = (
            "" if self._rubric.free_question is None else ", or the full text of one of your own (three words or more)"
        )
        return (
            f"expected a question of {self._rubric.label}, by id or text{own}."
            f"{f' Did you mean {self._known[near[0]]}?' if near else ''} See interview-grader questions."
        )

    def suggest(self, question: Question) -> str | None:
        """The id of the rubric's question that a free question nearly is."""
        if question.id != FREE_QUESTION_ID:
            return None
        return self._find_near(question.text)

    def is_question(self, text: str) -> bool:
        """Whether this is an id or the text of a question of the rubric, and so nothing that anybody answered."""
        return _simplify(text) in self._known

    def match(self, header: str) -> str | None:
        """The id of the rubric's question whose id or text, or nearly its text, this header is: `Q1. Tell me …` too."""
        text = _NUMBERING.sub("", header.strip())
        return self._known.get(_simplify(text)) or self._find_near(text)

    def _find_near(self, text: str) -> str | None:
        near = process.extractOne(_simplify(text), self._texts, scorer=fuzz.ratio, score_cutoff=_NEARLY)
        return near[2] if near else None


def name_question(question: Question) -> str:
    """How a case names it."""
    return question.text if question.id == FREE_QUESTION_ID else question.id


def _simplify(text: str) -> str:
    """Without case, blanks and punctuation, which spreadsheets and people change."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())
