"""Which run, baseline and yardstick a name stands for."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.config import Settings
from service.errors import EvalSetInvalid, RunInvalid, UnknownRun
from service.evaluation.analysis.parts import Part
from service.evaluation.folder import RunFolder
from service.evaluation.plan import hash_file
from service.evaluation.policy import Policy
from service.evaluation.results.run import RunReport
from service.llm.embedded import EmbeddedBackend
from service.llm.scripted import ScriptedBackend
from service.wiring_reports import Reports
from tests.evaluation.making import make_case, make_settings, open_with, reply_well, run_set, write_set
from tests.evaluation.robustness.making import make_family, write_folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path, samples=1, allowed_models=("embedded",))


@pytest.fixture
def folder(settings: Settings) -> Path:
    """A known set, half of which was tuned on."""
    assert settings.assets_dir is not None
    return write_set(settings.assets_dir / "evals" / "made", 12, tuned_on=["angry-customer"])


@pytest.fixture
async def reports(settings: Settings, folder: Path) -> AsyncIterator[Reports]:
    async with open_with(settings) as evaluation:
        yield Reports(evaluation, Policy())


@pytest.fixture
async def run(settings: Settings, folder: Path) -> RunFolder:
    return await run_set(settings, folder)


def list_yardsticks(report: RunReport) -> dict[str, int]:
    return {one.name: one.n for one in report.agreement[0].yardsticks}


async def run_embedded(settings: Settings, folder: Path, **order: Any) -> RunFolder:
    return await run_set(
        settings, folder, ScriptedBackend(reply_well, name=EmbeddedBackend().name), model="embedded", **order
    )


def test_a_run_is_known_by_its_id_and_by_its_folder(reports: Reports, run: RunFolder, tmp_path: Path) -> None:
    by_id = reports.show(run.plan.id)
    assert by_id == reports.show(str(run.path))
    shutil.copytree(run.path, tmp_path / "copy")
    assert reports.show(str(tmp_path / "copy")) == by_id


def test_a_set_stands_for_its_baseline(reports: Reports, run: RunFolder, folder: Path) -> None:
    with pytest.raises(UnknownRun, match="The set made has no baseline"):
        reports.find_baseline("made")
    path, before = reports.accept(run.plan.id, "First.")
    assert (path, before) == (folder / "baseline.json", None)
    assert reports.open_source("made").identity.run_id.startswith("baseline of ")
    assert reports.find_baseline("made") == path


def test_what_is_neither_run_nor_set(reports: Reports) -> None:
    with pytest.raises(UnknownRun, match="There is no run 'nothing'"):
        reports.open_source("nothing")


def test_parts_come_from_the_set_of_the_run(reports: Reports, run: RunFolder) -> None:
    tuned, rest = (reports.show(run.plan.id, part).coverage.cases for part in (Part.TUNED, Part.HELD_OUT))
    assert (tuned, rest) == (4, 8)
    reports.accept(run.plan.id, "First.")
    assert reports.show("made", Part.TUNED).coverage.cases == 4
    assert reports.compare("made", run.plan.id, part=Part.TUNED).differences[0].n == 4


def test_an_accepted_run_is_told_against_the_one_before(reports: Reports, run: RunFolder) -> None:
    reports.accept(run.plan.id, "First.")
    _, before = reports.accept(run.plan.id, "Again.")
    assert before is not None
    assert before.changed == ()


@pytest.mark.parametrize("reason", ["", " \n"])
def test_a_baseline_needs_a_reason(reports: Reports, run: RunFolder, folder: Path, reason: str) -> None:
    with pytest.raises(Exception, match="A baseline is accepted for a reason"):
        reports.accept(run.plan.id, reason)
    assert not (folder / "baseline.json").exists()


async def test_a_part_of_a_set_is_no_baseline(reports: Reports, settings: Settings, folder: Path) -> None:
    for order in ({"limit": 3}, {"criteria": ("empathy",)}):
        run = await run_set(settings, folder, **order)
        with pytest.raises(RunInvalid, match="is over a part of the set"):
            reports.accept(run.plan.id, "Quick.")
    assert not (folder / "baseline.json").exists()


async def test_a_set_elsewhere_keeps_its_baseline_beside_it(
    reports: Reports, settings: Settings, tmp_path: Path
) -> None:
    own = write_set(tmp_path / "own", 6)
    run = await run_set(settings, own)
    path, _ = reports.accept(run.plan.id, "First.", own / "baseline.json")
    assert reports.show(str(path)).identity.set_id == "own"
    assert reports.compare(str(path), run.plan.id).differences[0].qwk.value == 0
    assert reports.find_baseline(str(own)) == path


def test_without_a_run_of_the_embedded_grader_there_is_no_such_yardstick(reports: Reports, run: RunFolder) -> None:
    assert "embedded grader" not in list_yardsticks(reports.show(run.plan.id))


async def test_the_newest_run_of_the_embedded_grader_is_the_yardstick(
    reports: Reports, run: RunFolder, settings: Settings, folder: Path
) -> None:
    yardstick = await run_embedded(settings, folder, limit=5)
    assert list_yardsticks(reports.show(run.plan.id))["embedded grader"] == 5
    assert "embedded grader" not in list_yardsticks(reports.show(yardstick.plan.id))  # it is no yardstick of itself


async def test_a_baseline_of_the_embedded_grader_is_the_yardstick(
    reports: Reports, run: RunFolder, settings: Settings, folder: Path
) -> None:
    whole = await run_embedded(settings, folder)
    reports.accept(whole.plan.id, "Yardstick.")
    shutil.rmtree(whole.path)
    assert list_yardsticks(reports.show(run.plan.id))["embedded grader"] == 12


async def test_what_is_no_yardstick_is_passed_over(
    reports: Reports, run: RunFolder, settings: Settings, folder: Path
) -> None:
    """An unfinished run, a run of another set, and one whose overall is of one criterion."""
    unfinished = await run_embedded(settings, folder, limit=5)
    (unfinished.path / "finished.json").unlink()
    await run_embedded(settings, write_set(folder.parent / "other", 6))
    assert "embedded grader" not in list_yardsticks(reports.show(run.plan.id))
    await run_embedded(settings, folder, criteria=("empathy",))
    overall, empathy, *_ = reports.show(run.plan.id).agreement
    assert {one.name: one.n for one in overall.yardsticks}.get("embedded grader") == 4  # those that ask for no more
    assert "embedded grader" in {one.name for one in empathy.yardsticks}


async def test_the_families_of_a_set_are_judged(reports: Reports, settings: Settings, folder: Path) -> None:
    run = await run_derived(settings, folder)
    (found,) = reports.show(run.plan.id).families
    assert (found.id, found.n) == ("longer", 1)
    path, _ = reports.accept(run.plan.id, "First.")
    assert reports.show(str(path)).families == (found,)


async def run_derived(settings: Settings, folder: Path) -> RunFolder:
    """A run over three cases, one of them made from another."""
    write_set(folder, [make_case(0), make_case(3), make_case(6, base="c-000", family="longer", ratings=[])])
    write_folder(folder, [make_family().model_dump(mode="json")])
    return await run_set(settings, folder)


async def test_the_families_of_a_set_elsewhere_are_judged(reports: Reports, settings: Settings, tmp_path: Path) -> None:
    """They were passed over without a word: the set was looked for by its name, and is not among the known ones."""
    folder = tmp_path / "elsewhere"
    run = await run_derived(settings, folder)
    path, _ = reports.accept(run.plan.id, "First.", folder / "baseline.json")
    for name in (run.plan.id, str(path)):
        assert [family.id for family in reports.show(name).families] == ["longer"]
    report = reports.compare(str(path), run.plan.id)
    assert [[family.id for family in one.families] for one in report.runs] == [["longer"], ["longer"]]
    shutil.rmtree(folder)
    assert [family.id for family in reports.show(run.plan.id).families] == ["longer"]


async def test_a_run_without_its_families_is_not_reported_as_clean(
    reports: Reports, settings: Settings, folder: Path
) -> None:
    run = await run_derived(settings, folder)
    sealed = json.loads((run.path / "finished.json").read_bytes())
    assert sealed["files"].pop("families.yaml") == hash_file(folder / "families.yaml")
    (run.path / "families.yaml").write_text("format: 1\n")
    with pytest.raises(RunInvalid, match=r"families\.yaml: was changed after the run had finished"):
        reports.show(run.plan.id)
    (run.path / "families.yaml").unlink()
    (run.path / "finished.json").write_text(json.dumps(sealed))  # as runs of earlier versions are
    with pytest.raises(RunInvalid, match=r"family longer cannot be judged: no families\.yaml"):
        reports.show(run.plan.id)


async def test_derived_cases_without_rules_are_not_run(settings: Settings, folder: Path) -> None:
    await run_derived(settings, folder)
    write_folder(folder, [make_family(id="other").model_dump(mode="json")])
    for _ in range(2):
        with pytest.raises(EvalSetInvalid, match=r"families\.yaml: expected the family longer") as caught:
            await run_set(settings, folder)
        assert str(folder) in str(caught.value)
        (folder / "families.yaml").unlink(missing_ok=True)


async def test_a_set_is_shown_by_its_newest_finished_run(reports: Reports, run: RunFolder, settings: Settings) -> None:
    reports.accept(run.plan.id, "First.")
    shown = reports.show("made")
    assert shown == reports.show(run.plan.id)
    assert shown.title == f"made: grade@v1 on scripted, run of {run.plan.started_at:%Y-%m-%d %H:%M}"
    assert settings.assets_dir is not None
    own = settings.assets_dir / "evals" / "made"
    newer = await run_set(settings, own, again=True)
    assert reports.show("made").identity.run_id == reports.show(str(own)).identity.run_id == newer.plan.id
    (newer.path / "finished.json").unlink()
    assert reports.show("made").identity.run_id == run.plan.id
    shutil.rmtree(settings.runs)
    baseline = reports.show("made")
    assert baseline.identity.run_id.startswith("baseline of ")
    assert baseline.title == f"made: grade@v1 on scripted, {baseline.identity.run_id}"


async def test_what_a_run_is_held_against_is_of_its_set(
    reports: Reports, run: RunFolder, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(UnknownRun, match="The set made has no baseline"):
        reports.choose_baseline("made")
    path, _ = reports.accept(run.plan.id, "First.")
    assert reports.choose_baseline("made") == str(path)
    assert reports.choose_baseline("made", run.plan.id) == run.plan.id
    other = await run_set(settings, write_set(tmp_path / "other", 6))
    with pytest.raises(RunInvalid, match=r"is of the set other, and the run is to be of made\. Name a run or a base"):
        reports.choose_baseline("made", other.plan.id)
