"""The columns of each view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from service.batches.export.content import About, Content, PersonRow, View
from service.batches.export.tables import Cell, Column, Form, Table, cut_blocks
from service.domain.batch import Rejected
from service.domain.grade import AssetRef
from service.domain.judgement import NOT_OBSERVED
from service.domain.rubric import Criterion
from service.store.results_export import ExportRow, QuestionRow, ReviewRow

HASH_CHARACTERS = 12
NOT_OBSERVED_CELL = NOT_OBSERVED.replace("_", " ")  # not a number: in an empty cell it would look as if nobody asked


def open_table(content: Content, view: View) -> Table[Any]:
    """The table of a view; its rows are read when they are iterated, once."""
    about = content.about
    if view is View.ANSWERS:
        return Table("Answers", (*_list_answer_columns(content),), content.answers(), frozen=3)
    if view is View.PEOPLE:
        return Table("People", (*_list_person_columns(about),), cut_blocks(content.people()), frozen=4)
    if view is View.QUESTIONS:
        return Table("Questions", (*_list_question_columns(about),), cut_blocks(content.questions), frozen=1)
    if view is View.REVIEWS:
        return Table("Reviews", (*_list_review_columns(content),), content.reviews(), frozen=3)
    return Table("Rejected rows", (*_list_rejected_columns(content),), content.rejected(), frozen=2)


def _list_answer_columns(content: Content) -> Iterator[Column[ExportRow]]:
    criteria = content.about.rubric.criteria
    yield from _list_identity_columns(content.about)
    yield from _list_result_columns()
    yield from _list_human_columns()
    for criterion in criteria:
        yield from _list_level_columns(criterion)
    for criterion in criteria:
        yield from _list_evidence_columns(criterion)
    yield Column("summary", "Summary", _read_summary, Form.LONG)
    if content.options.texts:
        yield Column("answer", "Answer", lambda row: row.text, Form.LONG)
    yield from _list_versions(content.about, lambda row: row.grade.model_requested if row.grade else None)
    yield Column("models_served", "Models that answered", _read_models)
    yield Column("grader_version", "Grader version", lambda row: row.grade.grader_version if row.grade else None)
    if content.options.ids:
        yield from _list_id_columns()
    if content.options.usage:
        yield from _list_usage_columns()


def _list_identity_columns(about: About) -> Iterator[Column[ExportRow]]:
    texts = {question.id: question.text for question in about.rubric.questions}
    yield Column("number", "Number", lambda row: row.answer.number, Form.WHOLE)
    yield Column("row", "Row of the file", lambda row: row.answer.row, Form.WHOLE)
    yield Column("candidate", "Candidate", lambda row: row.answer.candidate)
    yield Column("external_id", "External id", lambda row: row.answer.external_id)
    yield Column("question", "Question", lambda row: row.answer.question)
    yield Column(
        "question_text", "Question's text", lambda row: texts.get(row.answer.question, row.answer.question), Form.LONG
    )


def _list_result_columns() -> Iterator[Column[ExportRow]]:
    yield Column("state", "State", lambda row: row.answer.result.state.value)
    yield Column("overall", "Overall (machine)", lambda row: row.answer.result.overall, Form.LEVEL)
    yield Column("human_overall", "Overall (person)", _of_human(lambda human: human.overall), Form.LEVEL)
    yield Column("final_overall", "Overall (final)", lambda row: row.final, Form.LEVEL)
    yield Column("uncertainty", "Uncertainty", lambda row: row.answer.result.uncertainty, Form.NUMBER)
    yield Column("band", "Band (machine)", lambda row: row.answer.result.band)
    yield Column("needs_review", "Needs review", lambda row: row.answer.result.needs_review)
    yield Column("flags", "Flags", lambda row: tuple(flag.value for flag in row.answer.result.flags))
    yield Column("reason", "Why not scored", lambda row: row.answer.result.error_message, Form.LONG)
    yield Column("duplicate_of", "Duplicate of number", lambda row: row.answer.duplicate_of, Form.WHOLE)
    yield Column("similar_to", "Similar to number", lambda row: row.answer.similar_to, Form.WHOLE)


def _list_human_columns() -> Iterator[Column[ExportRow]]:
    yield Column("reviews", "Reviews", lambda row: len(row.reviews), Form.WHOLE)
    yield Column("reviewer", "Reviewer", _of_human(lambda human: human.reviewer))
    yield Column("review_reason", "Reviewer's reason", _of_human(lambda human: human.reason), Form.LONG)


def _list_id_columns() -> Iterator[Column[ExportRow]]:
    yield Column("batch_id", "Batch id", lambda row: row.answer.batch)
    yield Column("grade_id", "Grade id", lambda row: row.answer.grade)
    yield Column(
        "graded_at", "Graded at", lambda row: row.grade.created_at.isoformat() if row.grade else None, Form.MOMENT
    )


def _list_usage_columns() -> Iterator[Column[ExportRow]]:
    yield Column("tokens_in", "Tokens in", lambda row: row.answer.result.tokens_in, Form.WHOLE)
    yield Column("tokens_out", "Tokens out", lambda row: row.answer.result.tokens_out, Form.WHOLE)
    yield Column("cost_usd", "Cost (USD)", lambda row: row.answer.result.cost_usd, Form.MONEY)
    yield Column("calls", "Calls", lambda row: row.grade.calls if row.grade else None, Form.WHOLE)


def _of_human(read: Callable[[ReviewRow], Cell]) -> Callable[[ExportRow], Cell]:
    return lambda row: None if (human := row.human) is None else read(human)


def _list_level_columns(criterion: Criterion) -> Iterator[Column[ExportRow]]:
    key, name = criterion.id, criterion.name
    yield Column(f"level_{key}", name, lambda row: _read_level(row.answer.result.levels, key), Form.LEVEL)
    yield Column(
        f"human_level_{key}",
        f"{name} (person)",
        _of_human(lambda human: _read_level(human.levels, key)),
        Form.LEVEL,
    )


def _list_evidence_columns(criterion: Criterion) -> Iterator[Column[ExportRow]]:
    key, name = criterion.id, criterion.name

    def read_quotes(row: ExportRow) -> Cell:
        return row.grade.quotes.get(key, ()) if row.grade else ()

    def read_rationale(row: ExportRow) -> Cell:
        return row.grade.rationales.get(key) if row.grade else None

    yield Column(f"quotes_{key}", f"{name}: quotes", read_quotes, Form.LONG)
    yield Column(f"rationale_{key}", f"{name}: rationale", read_rationale, Form.LONG)


def _list_person_columns(about: About) -> Iterator[Column[PersonRow]]:
    yield Column("rank_from", "Rank from", lambda row: row.rank_from, Form.WHOLE)
    yield Column("rank_to", "Rank to", lambda row: row.rank_to, Form.WHOLE)
    yield Column("tier", "Tier", lambda row: row.tier, Form.WHOLE)
    yield Column("candidate", "Candidate", lambda row: row.candidate)
    yield Column("overall", "Overall (machine)", lambda row: row.overall, Form.LEVEL)
    yield Column("human_overall", "Overall (person)", lambda row: row.human_overall, Form.LEVEL)
    yield Column("standard_error", "Standard error", lambda row: row.standard_error, Form.NUMBER)
    yield Column("answered", "Answered", lambda row: row.answered, Form.WHOLE)
    yield Column("expected", "Questions", lambda row: row.expected, Form.WHOLE)
    yield Column("decision", "Decision (person)", lambda row: row.decision)
    yield Column("decided_by", "Decided by", lambda row: row.decided_by)
    yield Column("decision_reason", "Reason of the decision", lambda row: row.decision_reason, Form.LONG)
    yield Column("reason", "Why this rank", lambda row: row.reason, Form.LONG)
    yield Column("not_ranked", "Why not ranked", lambda row: row.not_ranked, Form.LONG)
    yield Column("flags", "Flags", lambda row: row.flags)
    for criterion in about.rubric.criteria:
        yield _make_level_column(criterion)
    yield from _list_versions(about)


def _make_level_column(criterion: Criterion) -> Column[Any]:
    key = criterion.id
    return Column(f"level_{key}", criterion.name, lambda row: _read_level(row.levels, key), Form.LEVEL)


def _list_question_columns(about: About) -> Iterator[Column[QuestionRow]]:
    texts = {question.id: question.text for question in about.rubric.questions}
    yield Column("question", "Question", lambda row: row.question)
    yield Column("question_text", "Question's text", lambda row: texts.get(row.question, row.question), Form.LONG)
    yield Column("answers", "Answers", lambda row: row.answers, Form.WHOLE)
    yield Column("scored", "Scored", lambda row: row.scored, Form.WHOLE)
    yield Column("unscored", "Not scored", lambda row: row.unscored, Form.WHOLE)
    yield Column("failed", "Failed", lambda row: row.failed, Form.WHOLE)
    yield Column("waiting", "Waiting", lambda row: row.waiting, Form.WHOLE)
    yield Column("needs_review", "Need review", lambda row: row.needs_review, Form.WHOLE)
    yield Column("mean", "Mean overall", lambda row: row.mean, Form.LEVEL)
    yield from _list_versions(about)


def _list_review_columns(content: Content) -> Iterator[Column[ReviewRow]]:
    yield Column("number", "Number", lambda row: row.number, Form.WHOLE)
    yield Column("row", "Row of the file", lambda row: row.row, Form.WHOLE)
    yield Column("candidate", "Candidate", lambda row: row.candidate)
    yield Column("question", "Question", lambda row: row.question)
    yield Column("reviewer", "Reviewer", lambda row: row.reviewer)
    yield Column("overall", "Overall (person)", lambda row: row.overall, Form.LEVEL)
    yield Column("machine_overall", "Overall (machine)", lambda row: row.machine_overall, Form.LEVEL)
    yield Column("is_override", "Overrides", lambda row: row.is_override)
    yield Column("reason", "Reason", lambda row: row.reason, Form.LONG)
    for criterion in content.about.rubric.criteria:
        yield _make_level_column(criterion)
    yield from _list_versions(content.about)
    if content.options.ids:
        yield Column("reviewed_at", "Reviewed at", lambda row: row.at.isoformat(), Form.MOMENT)


def _list_rejected_columns(content: Content) -> Iterator[Column[Rejected]]:
    yield Column("row", "Row of the file", lambda row: row.row, Form.WHOLE)
    yield Column("field", "Column", lambda row: row.field)
    yield Column("reason", "What is wrong", lambda row: row.reason, Form.LONG)
    if content.options.texts:
        for place, name in enumerate(content.header):
            yield _make_cell_column(place, name)
    yield from _list_versions(content.about)


def _make_cell_column(place: int, name: str) -> Column[Rejected]:
    # Numbered: a header may hold a name twice, and the keys of a JSON object may not.
    return Column(
        f"cell_{place + 1}: {name}", name, lambda row: row.cells[place] if place < len(row.cells) else None, Form.LONG
    )


def _list_versions(about: About, read_model: Callable[[Any], str | None] | None = None) -> Iterator[Column[Any]]:
    """What made the row; the model as the grade says it, else as the batch asks for it."""
    spec = about.batch.spec
    for name, title, asset in (("rubric", "Rubric", spec.rubric), ("prompt", "Prompt", spec.prompt)):
        yield _make_constant(name, title, label_asset(asset))
        yield _make_constant(f"{name}_hash", f"{title} hash", asset.hash[:HASH_CHARACTERS])
    yield Column("model_requested", "Model asked", lambda row: (read_model and read_model(row)) or spec.model)


def _make_constant(name: str, title: str, value: str) -> Column[Any]:
    return Column(name, title, lambda _: value)


def label_asset(asset: AssetRef) -> str:
    """`id@v1`."""
    return f"{asset.id}@v{asset.version}"


def _read_level(levels: Mapping[str, float | None], criterion: str) -> Cell:
    """The level; words where it was asked for and not observed; nothing where it was not asked for."""
    level = levels.get(criterion, "")
    return NOT_OBSERVED_CELL if level is None else level or None


def _read_summary(row: ExportRow) -> Cell:
    return row.grade.summary if row.grade else None


def _read_models(row: ExportRow) -> Cell:
    return tuple(sorted(row.grade.models_served)) if row.grade else ()
