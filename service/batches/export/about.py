"""The first sheet of a workbook: what this is, how it was made, and what it does not say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from service.batches.export.columns import label_asset
from service.batches.export.content import Content

A_PERSON_DECIDES = (
    "These grades help people to decide and decide nothing themselves. A person reads the answers, may override any "
    "grade, and decides about every candidate."
)
NOT_SCORED = (
    "An answer that could not be scored is no bad answer: the column Why not scored says what happened. It has no rank."
)
EMPTY_LEVEL = "A level: 1 to 5. 'not observed': asked for, and the answer says nothing of it. Empty: not asked for."
EVIDENCE = "Quotes are the candidate's own words, found in the answer by this program. The rationale is the model's."
FORMULAS = (
    "Texts that begin like a formula are stored as text and do not run. In CSV files an apostrophe stands before them."
)
NO_PERSON_YET = "Overall (person) is empty where nobody has reviewed; Overall (final) is then the machine's."


def describe_batch(content: Content, models_served: Collection[str]) -> Sequence[tuple[str, str]]:
    """Lines of name and text."""
    return tuple(_describe(content, models_served))


def _describe(content: Content, models_served: Collection[str]) -> Iterator[tuple[str, str]]:
    about, batch, counts = content.about, content.about.batch, content.about.counts
    spec = batch.spec
    yield "Batch", batch.name
    yield "File", f"{batch.file_name} (SHA-256 {batch.file_hash})"
    yield "State", batch.state.value
    yield "A person decides", A_PERSON_DECIDES
    yield "Tiers", about.tier_rule
    yield "Not scored", NOT_SCORED
    yield "Levels", EMPTY_LEVEL
    yield "Person and machine", NO_PERSON_YET
    yield "Evidence", EVIDENCE
    yield "Formulas", FORMULAS
    yield "Rubric", f"{about.rubric.title}: {label_asset(spec.rubric)} (SHA-256 {spec.rubric.hash})"
    yield "Prompt", f"{label_asset(spec.prompt)} (SHA-256 {spec.prompt.hash})"
    yield "Model asked", spec.model
    yield "Models that answered", ", ".join(sorted(models_served)) or "none yet"
    yield "Samples", f"{spec.samples} for each answer"
    for notice in about.notices:
        yield "Notice", notice
    yield "Answers", f"{counts.total:,}"
    yield "Scored", f"{counts.scored:,}"
    yield "Not scored", f"{counts.unscored:,}"
    yield "Failed", f"{counts.failed:,}: the model could not be asked; they can be tried again"
    yield "Waiting", f"{counts.waiting:,}"
    yield "Need review", f"{counts.needs_review:,}"
    yield "Rejected rows", f"{batch.rejected:,}: rows of the file that were no answers"
    for band in about.rubric.bands:
        yield f"Band: {band.name}", f"from {band.at_least:g}: {band.meaning}"
    for criterion in about.rubric.criteria:
        yield f"Criterion: {criterion.name}", criterion.definition.is_
    if content.options.ids:
        yield "Batch id", batch.id
        yield "Submitted", batch.created_at.isoformat()
        yield "Finished", batch.finished_at.isoformat() if batch.finished_at else "not yet"
    if content.options.usage:
        yield "Tokens", f"{_tell(counts.tokens_in)} in, {_tell(counts.tokens_out)} out"
        yield "Cost (USD)", _tell(counts.cost_usd)


def _tell(number: float | None) -> str:
    return "unknown" if number is None else f"{number:,}"
