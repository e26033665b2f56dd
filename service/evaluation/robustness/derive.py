"""From rated cases and families to derived cases: the same bytes on every run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from service.assets.evals import CASES, EvalSet
from service.domain.case import Case
from service.domain.rubric import Rubric
from service.errors import EvalSetInvalid
from service.evaluation.robustness.changes import CHANGES, Work
from service.evaluation.robustness.draws import Draws
from service.evaluation.robustness.families import FAMILIES, Family, load_families
from service.evaluation.robustness.material import Material, Variant, load_material
from service.evaluation.robustness.selection import choose_bases


def write_robustness_set(base: EvalSet, folder: Path) -> int:
    """Writes `cases.jsonl` of the robustness set in `folder`; returns how many cases it holds.

    Raises EvalSetInvalid for families or material that break the format, and for a file that cannot be written.
    """
    lines = render_robustness_set(base, base.rubric, folder)
    path = folder / CASES
    fresh = path.with_suffix(".new")
    try:
        fresh.write_text("".join(lines), encoding="utf-8")
        fresh.replace(path)
    except OSError as failure:
        fresh.unlink(missing_ok=True)
        raise EvalSetInvalid(
            f"{path}: cannot be written ({failure.strerror}). Free space or change the folder's permissions."
        ) from None
    return len(lines)


def render_robustness_set(cases: Iterable[Case], rubric: Rubric, folder: Path) -> list[str]:
    """The lines of `cases.jsonl`: the base cases that are needed, in their order, and the derived ones.

    Raises EvalSetInvalid as `load_families` and `load_material`, and for a family that fits no case.
    """
    bases = list(cases)
    families = load_families(folder)
    derived = list(derive_cases(bases, rubric, families, load_material(folder)))
    made = {case.family for case in derived}
    if idle := [family.id for family in families if family.id not in made]:
        raise EvalSetInvalid(
            f"{folder / FAMILIES}: no base case fits {', '.join(idle)}. Loosen `select`, or remove the family."
        )
    needed = {case.base for case in derived}
    return [_render(case) for case in (*(one for one in bases if one.id in needed), *derived)]


def derive_cases(
    cases: Iterable[Case], rubric: Rubric, families: Sequence[Family], material: Material
) -> Iterator[Case]:
    """The derived cases, family after family; cases that are derived themselves are not changed again.

    A derived case is named `<base>~<family>-<nn>`, has no ratings, and `groups` that say family, shape and variant.
    """
    bases = list(cases)
    for family in families:
        yield from _derive_family(bases, rubric, family, material)


def _derive_family(bases: Sequence[Case], rubric: Rubric, family: Family, material: Material) -> Iterator[Case]:
    kind = CHANGES[family.change.name]
    variants = kind.list_variants(material)

    def make(case: Case, variant: Variant) -> Case | None:
        draws = Draws(f"{family.id} {family.select.seed} {case.id} {variant.id}")
        return kind.make(case, Work(family.change, variant, draws, rubric, material))

    chosen = choose_bases(bases, family, rubric, lambda case: make(case, variants[0]) is not None)
    for number, (case, variant) in enumerate(_pair(chosen, variants, family.bases_per_variant), 1):
        made = make(case, variant)
        if made is not None:
            yield _name(made, family, number, variant)


def _pair(
    cases: Sequence[Case], variants: Sequence[Variant], cases_per_variant: int | None
) -> Iterator[tuple[Case, Variant]]:
    """Each variant with so many of the cases, spread evenly over them; None is all."""
    each = min(cases_per_variant or len(cases), len(cases))
    for place, variant in enumerate(variants):
        for turn in range(each):
            yield cases[(place + turn * len(cases) // each) % len(cases)], variant


def _name(made: Case, family: Family, number: int, variant: Variant) -> Case:
    return made.model_copy(
        update={
            "id": f"{made.id}~{family.id}-{number:02}",
            "base": made.id,
            "family": family.id,
            "groups": {"family": family.id, "shape": variant.shape, "variant": variant.id},
            "ratings": (),
        }
    )


def _render(case: Case) -> str:
    # Escaped, because attacks hold characters that editors hide or reorder
    return json.dumps(case.model_dump(mode="json", exclude_defaults=True), ensure_ascii=True) + "\n"
