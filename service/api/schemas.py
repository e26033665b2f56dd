"""What comes in and goes out, where it is not a grade: that is the domain's own (service/domain/grade.py)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from service.assets.prompts import Prompt, PromptParameters
from service.assets.prompts import Scope as PromptScope
from service.domain.answer import AnswerKind
from service.domain.grade import Grade
from service.domain.rubric import Band, Criterion, Definition, Question, QuestionKind, Rubric
from service.domain.task import Mode
from service.grading.job import MAX_SAMPLES
from service.wiring import Submission

MAX_PAGE = 100
MAX_REFERENCE = 120
MAX_QUESTION = 2_000
MAX_CANDIDATE_REF = 200
TRANSCRIPTION_ID = r"^trn_[0-9a-f]{32}$"


def refuse_controls(text: str) -> str:
    """PostgreSQL cannot hold NUL, and no name or question needs the others."""
    for position, character in enumerate(text, 1):
        if character < " " and character not in "\t\n\r":
            raise ValueError(f"A control character (U+{ord(character):04X}) at character {position}; remove it")
    return text


Name = Annotated[str, Field(min_length=1, max_length=MAX_REFERENCE), AfterValidator(refuse_controls)]
CandidateRef = Annotated[str, Field(min_length=1, max_length=MAX_CANDIDATE_REF), AfterValidator(refuse_controls)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GradeRequest(_Model):
    """One answer to grade: its text as `answer`, or the `transcription` of a spoken one.

    Fields that are not listed here are refused, so that a misspelt one is noticed.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["answer"]}, {"required": ["transcription"]}]})

    rubric: Annotated[Name, Field(description="`id` for the newest version, or `id@v1` for that one")]
    question: Annotated[
        str,
        Field(min_length=1, max_length=MAX_QUESTION, description="A question's id, or the text of a question"),
        AfterValidator(refuse_controls),
    ]
    answer: Annotated[
        str, Field(description="The answer, exactly as it was given. It is stored with the grade. Else `transcription`")
    ] = ""
    transcription: Annotated[
        str | None,
        Field(pattern=TRANSCRIPTION_ID, description="A spoken answer's transcription; its end is waited for"),
    ] = None
    kind: Annotated[AnswerKind, Field(description="How the answer was given")] = AnswerKind.TYPED
    mode: Annotated[
        Mode, Field(description="`practice` coaches; `screening` neither coaches nor shows model answers")
    ] = Mode.PRACTICE
    prompt: Annotated[Name | None, Field(description="`name` or `name@v1`; else the server's")] = None
    model: Annotated[Name | None, Field(description="One of the models that the server allows; else its own")] = None
    samples: Annotated[
        int | None,
        Field(strict=True, ge=1, le=MAX_SAMPLES, description="How often the model is asked; else the server's"),
    ] = None
    candidate_ref: Annotated[
        CandidateRef | None, Field(description="Your own reference. It never reaches the model; use no name")
    ] = None

    @model_validator(mode="after")
    def _check_answer(self) -> Self:
        if ("answer" in self.model_fields_set) == (self.transcription is not None):
            raise ValueError("Give the text as `answer`, or the id of a spoken answer as `transcription`: one of them")
        return self

    def build_submission(self) -> Submission:
        """What to grade; the words of a transcription are yet to be added."""
        return Submission(**self.model_dump(exclude={"transcription"}))


class GradeFilter(_Model):
    """What to list. Parameters that are not listed here are refused."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="How many grades at most")] = 20
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before")] = None
    rubric: Annotated[Name | None, Field(description="A rubric's id, without version")] = None
    question: Annotated[Name | None, Field(description="A question's id")] = None
    status: Annotated[Literal["scored", "unscored"] | None, Field(description="Only these")] = None
    needs_review: Annotated[
        bool | None, Field(description="Only grades that a person should look at, or only others")
    ] = None
    candidate_ref: Annotated[CandidateRef | None, Field(description="Exactly this reference")] = None


class GradePage(_Model):
    """Grades, newest first. `next_cursor` is null on the last page."""

    items: tuple[Grade, ...]
    next_cursor: str | None


class RubricSummary(_Model):
    """One version of a rubric. `hash` is SHA-256 (hex) of its content."""

    id: str
    version: int
    title: str
    description: str
    language: Annotated[str, Field(description="ISO 639-1 code of the answers' language")]
    hash: str

    @classmethod
    def build(cls, rubric: Rubric) -> Self:
        return cls(hash=rubric.content_hash, **_pick(rubric, "id", "version", "title", "description", "language"))


class RubricList(_Model):
    items: tuple[RubricSummary, ...]


class LevelView(_Model):
    level: int
    anchor: str


class IndicatorView(_Model):
    id: str
    behaviour: str
    tip: str


class RedFlagView(_Model):
    id: str
    behaviour: str
    caps_at: int


class CriterionView(_Model):
    """One criterion, without the example sentences: an answer that copies them would show nothing."""

    id: str
    name: str
    definition: Definition
    levels: tuple[LevelView, ...]
    indicators: tuple[IndicatorView, ...]
    red_flags: tuple[RedFlagView, ...]

    @classmethod
    def build(cls, criterion: Criterion) -> Self:
        return cls(
            **_pick(criterion, "id", "name", "definition"),
            levels=tuple(LevelView(**_pick(one, "level", "anchor")) for one in criterion.levels),
            indicators=tuple(IndicatorView(**_pick(one, "id", "behaviour", "tip")) for one in criterion.indicators),
            red_flags=tuple(RedFlagView(**_pick(one, "id", "behaviour", "caps_at")) for one in criterion.red_flags),
        )


class QuestionView(_Model):
    """One question, without key points, follow-ups and model answer: candidates can read this.

    `weights` are relative, over the criteria that the question exercises.
    """

    rubric: Annotated[str, Field(description="`id@v1`")]
    id: str
    text: str
    kind: QuestionKind
    weights: dict[str, float]

    @classmethod
    def build(cls, rubric: Rubric, question: Question) -> Self:
        return cls(rubric=rubric.label, weights=dict(question.weights), **_pick(question, "id", "text", "kind"))


class QuestionList(_Model):
    items: tuple[QuestionView, ...]


class RubricView(RubricSummary):
    """A whole rubric, as far as candidates may read it."""

    forbidden_evidence: Annotated[tuple[str, ...], Field(description="What never moves a level")]
    bands: tuple[Band, ...]
    criteria: tuple[CriterionView, ...]
    questions: tuple[QuestionView, ...]
    takes_free_questions: Annotated[bool, Field(description="Whether the text of any question can be given")]

    @classmethod
    def build(cls, rubric: Rubric) -> Self:
        return cls(
            **RubricSummary.build(rubric).model_dump(),
            **_pick(rubric, "forbidden_evidence", "bands"),
            criteria=tuple(CriterionView.build(criterion) for criterion in rubric.criteria),
            questions=tuple(QuestionView.build(rubric, question) for question in rubric.questions),
            takes_free_questions=rubric.free_question is not None,
        )


class PromptSummary(_Model):
    """One version of a prompt. `hash` is SHA-256 (hex) of the file."""

    name: str
    version: int
    description: str
    scope: Annotated[PromptScope, Field(description="Whether one call is about all criteria or about one")]
    hash: str

    @classmethod
    def build(cls, prompt: Prompt) -> Self:
        return cls(hash=prompt.content_hash, **_pick(prompt.front, "name", "version", "description", "scope"))


class PromptList(_Model):
    items: tuple[PromptSummary, ...]


class PromptView(PromptSummary):
    """A prompt as it is: `text` is the file, front matter included."""

    variables: tuple[str, ...]
    parameters: PromptParameters
    text: str

    @classmethod
    def build(cls, prompt: Prompt) -> Self:
        return cls(
            **PromptSummary.build(prompt).model_dump(),
            **_pick(prompt.front, "variables", "parameters"),
            text=prompt.source,
        )


class Health(_Model):
    """What was found."""

    status: Literal["ok"] = "ok"


def _pick(source: object, *names: str) -> dict[str, object]:
    return {name: getattr(source, name) for name in names}
