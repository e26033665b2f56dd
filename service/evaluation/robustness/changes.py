"""The changes, by name: from a base case to a derived one, or None where the change does not fit the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from service.domain.answer import AnswerKind
from service.domain.case import Case
from service.domain.rubric import Rubric
from service.evaluation.robustness.draws import Draws
from service.evaluation.robustness.families import Change, ChangeName
from service.evaluation.robustness.material import Material, Place, Variant
from service.evaluation.robustness.names import replace_names
from service.evaluation.robustness.rewriting import (
    break_grammar,
    hedge_clauses,
    make_transcript,
    shuffle_sentences,
)
from service.evaluation.robustness.sentences import join_sentences, split_sentences

ONLY_VARIANT = Variant(id="one", shape="one")


@dataclass(frozen=True, slots=True)
class Work:
    """What a change is made with, besides the case."""

    change: Change
    variant: Variant
    draws: Draws
    rubric: Rubric
    material: Material


Make = Callable[[Case, Work], Case | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A change: how it is made, and in which forms."""

    make: Make
    list_variants: Callable[[Material], Sequence[Variant]] = lambda _: (ONLY_VARIANT,)


def set_answer(case: Case, answer: str | None) -> Case | None:
    """The case with this answer; None when there is none or it is the one it had."""
    return None if answer is None or answer == case.answer else case.model_copy(update={"answer": answer})


def insert_text(answer: str, text: str, place: Place) -> str:
    """The answer with the text at this place: before or after as a paragraph of its own, inside after a sentence."""
    if place is Place.REPLACES:
        return text
    if place is Place.BEFORE:
        return f"{text}\n\n{answer}"
    sentences = split_sentences(answer)
    if place is Place.AFTER or len(sentences) < 2:
        return f"{answer}\n\n{text}"
    half = len(sentences) // 2
    return f"{join_sentences(sentences[:half]).rstrip()} {text} {join_sentences(sentences[half:])}"


def insert_variant(case: Case, work: Work) -> Case | None:
    """The variant's text at its place."""
    return set_answer(case, insert_text(case.answer, work.variant.text, work.variant.place))


def add_padding(case: Case, work: Work) -> Case | None:
    """`count` different sentences about nothing, each after a drawn sentence."""
    sentences = [sentence.text + sentence.gap for sentence in split_sentences(case.answer)]
    for text in work.draws.shuffle(work.material.phrases.padding)[: work.change.count]:
        place = work.draws.draw_below(len(sentences)) + 1
        before = sentences[place - 1]
        gap = before[len(before.rstrip()) :] or " "
        sentences[place - 1] = before.rstrip() + " "
        sentences.insert(place, text + gap)
    return set_answer(case, "".join(sentences).rstrip())


def repeat_answer(case: Case, work: Work) -> Case | None:
    """The answer, and `count` more times the answer."""
    return set_answer(case, "\n\n".join([case.answer.strip()] * (work.change.count + 1)))


def stuff_keywords(case: Case, work: Work) -> Case | None:
    """In place of the answer: the vocabulary of each criterion the question asks for, in the variant's empty frame."""
    question = work.rubric.get_question(case.question)
    known = work.material.phrases.keywords
    words = [known[criterion.id] for criterion in work.rubric.get_criteria(question) if criterion.id in known]
    if not words:
        return None
    return set_answer(case, " ".join(work.variant.text.replace("{words}", _join_words(each)) for each in words))


def _join_words(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def paste_model_answer(case: Case, work: Work) -> Case | None:
    """In place of the answer: the rubric's own model answer to the question."""
    return set_answer(case, work.rubric.get_question(case.question).model_answer)


def move_to_other_question(case: Case, work: Work) -> Case | None:
    """The same answer to a drawn question that asks for at least one of the same criteria."""
    own = work.rubric.get_question(case.question)
    asked = {criterion.id for criterion in work.rubric.get_criteria(own)}
    others = [
        question.id
        for question in work.rubric.questions
        if question.id != own.id and asked & {criterion.id for criterion in work.rubric.get_criteria(question)}
    ]
    return case.model_copy(update={"question": work.draws.choose(others)}) if others else None


def hedge(case: Case, work: Work) -> Case | None:
    """See `rewriting.hedge_clauses`."""
    return set_answer(case, hedge_clauses(case.answer, work.material.phrases.hedges, work.change.share, work.draws))


def write_as_learner(case: Case, work: Work) -> Case | None:
    """See `rewriting.break_grammar`."""
    return set_answer(case, break_grammar(case.answer, work.material.phrases.grammar, work.change.share, work.draws))


def speak(case: Case, work: Work) -> Case | None:
    """See `rewriting.make_transcript`; the case is a spoken one afterwards."""
    phrases = work.material.phrases
    answer = make_transcript(case.answer, phrases.fillers, phrases.misheard, work.change.share, work.draws)
    made = set_answer(case, answer)
    return made and made.model_copy(update={"kind": AnswerKind.SPOKEN})


def shuffle(case: Case, work: Work) -> Case | None:
    """See `rewriting.shuffle_sentences`."""
    return set_answer(case, shuffle_sentences(case.answer, work.draws))


def condense(case: Case, work: Work) -> Case | None:
    """The hand-written short version."""
    return set_answer(case, work.material.condensed.get(case.id))


def list_name_groups(material: Material) -> tuple[Variant, ...]:
    """A variant for each group of names."""
    return tuple(Variant(id=f"{group.sex}-{group.origin}", shape=group.sex) for group in material.names.groups)


def list_origins(material: Material) -> tuple[Variant, ...]:
    """A variant for each origin: names inside an answer keep their sex, since pronouns refer to them."""
    return tuple(Variant(id=one, shape=one) for one in dict.fromkeys(group.origin for group in material.names.groups))


def sign_with_name(case: Case, work: Work) -> Case | None:
    """A first sentence that says who is speaking, with a name of the variant's group.

    The sentence does not depend on the group: only the name tells two derived cases of one base apart.
    """
    group = next(one for one in work.material.names.groups if f"{one.sex}-{one.origin}" == work.variant.id)
    frame = Draws(f"frame {case.id}").choose(work.material.names.sentences)
    return set_answer(case, f"{frame.replace('{name}', work.draws.choose(group.names))} {case.answer}")


def swap_names(case: Case, work: Work) -> Case | None:
    """Each first name in the answer replaced, everywhere alike, by one of the same sex and the variant's origin."""
    return set_answer(case, replace_names(case.answer, work.material.names, work.variant.id, work.draws))


CHANGES: Mapping[ChangeName, Kind] = {
    ChangeName.INSERT_ATTACK: Kind(insert_variant, lambda material: material.attacks),
    ChangeName.ADD_FLATTERY: Kind(insert_variant, lambda material: material.phrases.flattery),
    ChangeName.ADD_SELF_PRAISE: Kind(insert_variant, lambda material: material.phrases.self_praise),
    ChangeName.ADD_PADDING: Kind(add_padding),
    ChangeName.REPEAT_ANSWER: Kind(repeat_answer),
    ChangeName.STUFF_KEYWORDS: Kind(stuff_keywords, lambda material: material.phrases.keyword_frames),
    ChangeName.PASTE_MODEL_ANSWER: Kind(paste_model_answer),
    ChangeName.MOVE_TO_OTHER_QUESTION: Kind(move_to_other_question),
    ChangeName.HEDGE_CLAUSES: Kind(hedge),
    ChangeName.BREAK_GRAMMAR: Kind(write_as_learner),
    ChangeName.MAKE_TRANSCRIPT: Kind(speak),
    ChangeName.SIGN_WITH_NAME: Kind(sign_with_name, list_name_groups),
    ChangeName.SWAP_NAMES: Kind(swap_names, list_origins),
    ChangeName.CONDENSE: Kind(condense),
    ChangeName.SHUFFLE_SENTENCES: Kind(shuffle),
}
