"""The folder of a run: whole or refused, wherever it lies."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from service.config import Settings
from service.errors import RunBusy, RunInvalid, RunNotWritable, UnknownRun
from service.evaluation.folder import (
    SEALED,
    RunFolder,
    dump_rubric,
    find_run,
    list_runs,
    open_finished,
    open_run,
    write_atomically,
)
from service.evaluation.lines import LineFile, find_last_line_end, read_lines
from service.evaluation.opening import choose_id
from service.evaluation.table import read_table
from service.wiring import open_library
from service.wiring_evals import RunOrder
from tests.evaluation.making import make_settings, open_with, run_set, write_set


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


@pytest.fixture
async def finished(settings: Settings, tmp_path: Path) -> RunFolder:
    return await run_set(settings, write_set(tmp_path / "made", 6))


def test_finished_run_has_all_its_files(finished: RunFolder) -> None:
    assert {path.name for path in finished.path.iterdir()} == {*SEALED, "finished.json"}
    sums = finished.read_finished()
    assert (sums.scored, sums.unscored, sums.graded) == (6, {}, 6)
    assert set(sums.files) == set(SEALED)


async def test_copied_folder_opens_elsewhere(finished: RunFolder, tmp_path: Path) -> None:
    before = read_table(finished.path)
    moved = tmp_path / "elsewhere" / "under another name"
    shutil.copytree(finished.path, moved)
    for path in (finished.path, tmp_path / "assets", tmp_path / "made"):
        shutil.rmtree(path)
    run = open_finished(moved)
    assert run.read_rubric().content_hash == run.plan.rubric_hash
    assert run.read_prompt().content_hash == run.plan.prompt_hash
    assert read_table(moved).overall.tolist() == before.overall.tolist()


def test_shipped_rubrics_survive_being_copied(tmp_path: Path) -> None:
    for rubric in open_library(Settings(_env_file=None)).rubrics.list_all():
        (tmp_path / "rubric.yaml").write_text(dump_rubric(rubric), encoding="utf-8")
        plan = None
        assert RunFolder(tmp_path, plan).read_rubric().content_hash == rubric.content_hash  # type: ignore[arg-type]


def test_unfinished_run_is_refused(finished: RunFolder) -> None:
    (finished.path / "finished.json").unlink()
    grades = finished.path / "grades.jsonl"
    grades.write_bytes(b"".join(grades.read_bytes().splitlines(keepends=True)[:4]))
    with pytest.raises(RunInvalid, match=r"is unfinished \(4 of 6 graded\)\. Run the same .* again: it continues\."):
        open_finished(finished.path)


@pytest.mark.parametrize("name", SEALED)
def test_changed_file_is_refused(finished: RunFolder, name: str) -> None:
    path = finished.path / name
    content = path.read_text(encoding="utf-8")
    path.write_text(
        content.replace("case 3", "case 4") if name.endswith("l") and "case 3" in content else content + " "
    )
    with pytest.raises(RunInvalid, match=name.replace(".", r"\.")):
        open_finished(finished.path)


def test_missing_file_is_named(finished: RunFolder) -> None:
    (finished.path / "replies.jsonl").unlink()
    with pytest.raises(RunInvalid, match=r"replies\.jsonl: is missing"):
        open_finished(finished.path)


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (lambda lines: [*lines[:-1], lines[-1][:100]], r"grades\.jsonl line 6: is cut off"),
        (lambda lines: [lines[0], lines[1][:-50] + b"\n", *lines[2:]], r"grades\.jsonl line 2: expected a JSON object"),
        (lambda lines: lines[:-1], r"grades\.jsonl: was changed after the run had finished"),
    ],
)
def test_damage_is_named_with_its_line(finished: RunFolder, cut: object, said: str) -> None:
    path = finished.path / "grades.jsonl"
    path.write_bytes(b"".join(cut(path.read_bytes().splitlines(keepends=True))))  # type: ignore[operator]
    with pytest.raises(RunInvalid, match=said) as failure:
        open_finished(finished.path)
    assert "without interrupting" not in str(failure.value)


def test_plan_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunInvalid, match=r"run\.json: cannot be read \(No such file"):
        open_run(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 2}')
    with pytest.raises(RunInvalid, match=r"run\.json, format: Input should be 1"):
        open_run(tmp_path)


def test_runs_are_found_by_id_and_by_folder(finished: RunFolder, settings: Settings) -> None:
    assert find_run(finished.plan.id, settings.runs) == finished.path
    assert find_run(str(finished.path), settings.runs) == finished.path
    with pytest.raises(UnknownRun, match=f"no run 'other'.*{finished.plan.id}"):
        find_run("other", settings.runs)


def test_list_leaves_out_what_is_no_run(finished: RunFolder, settings: Settings) -> None:
    (settings.runs / "empty").mkdir()
    (settings.runs / "broken").mkdir()
    (settings.runs / "broken" / "run.json").write_text("{}")
    assert [run.plan.id for run in list_runs(settings.runs)] == [finished.plan.id]
    assert list_runs(settings.runs / "nowhere") == ()


def edit_seals(run: RunFolder, edit: Callable[[dict[str, str]], object]) -> None:
    path = run.path / "finished.json"
    content = json.loads(path.read_text())
    edit(content["files"])
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda files: files.pop("grades.jsonl"), r"finished\.json, files: .* see grades\.jsonl\."),
        (lambda files: files.clear(), r"finished\.json, files: .* see run\.json\."),
        (lambda files: files.update({"../other": "0" * 64}), r"finished\.json, files: .* see \.\./other\."),
    ],
)
def test_seals_name_all_files_and_no_other(finished: RunFolder, edit: Callable[..., object], said: str) -> None:
    edit_seals(finished, edit)
    with pytest.raises(RunInvalid, match=said):
        open_finished(finished.path)


async def test_good_run_copied_under_the_name_of_another_is_refused(
    settings: Settings, finished: RunFolder, tmp_path: Path
) -> None:
    async with open_with(settings) as evaluation:
        other = evaluation.prepare(RunOrder(set=str(tmp_path / "made"), prompt="grade-each@v1"))
        shutil.copytree(finished.path, other.path)
        with pytest.raises(RunInvalid, match=r"run\.json, prompt: is not that of the run made\.grade-each-v1\."):
            evaluation.find_finished(other)
        (other.path / "finished.json").unlink()
        with pytest.raises(RunInvalid, match=r"run\.json, prompt: is not that of the run made\.grade-each-v1\."):
            await evaluation.run(other)


async def test_copy_is_not_a_second_run(settings: Settings, finished: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(finished.path, finished.path.with_name(f"{finished.path.name}.2"))
    with pytest.raises(RunInvalid, match=r"\.2/run\.json, id: is not that of the run"):
        await run_set(settings, tmp_path / "made")


async def test_new_folders_are_the_owners_alone(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "new" / "runs"
    run = await run_set(settings, write_set(tmp_path / "made", 1), out=out)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (out.parent, out, run.path)]
    assert modes == [0o700] * 3


async def test_again_counts_up(settings: Settings, tmp_path: Path) -> None:
    eval_set = write_set(tmp_path / "made", 2)
    names = [(await run_set(settings, eval_set, again=True)).path.name for _ in range(3)]
    assert names == [names[0], f"{names[0]}.2", f"{names[0]}.3"]
    assert (await run_set(settings, eval_set)).path.name == names[2]
    (settings.runs / names[2] / "finished.json").unlink()
    assert choose_id(names[0], settings.runs, again=True) == names[2]


async def test_second_process_is_told_to_wait(settings: Settings, tmp_path: Path) -> None:
    eval_set = write_set(tmp_path / "made", 2)
    async with open_with(settings) as evaluation:
        run = evaluation.prepare(RunOrder(set=str(eval_set)))
        run.path.mkdir(parents=True)
        other = LineFile(run.path / "replies.jsonl")
        other.lock("it")
        with pytest.raises(RunBusy, match=f"Another process is at the run {run.plan.id}. Wait until it has ended"):
            await evaluation.run(run)
        other.close()
        assert (await evaluation.run(run)).scored == 2


async def test_folder_that_cannot_be_made_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunNotWritable, match=r"file/made\..*: cannot be written \(Not a directory\)\. Free some space"):
        await run_set(settings, write_set(tmp_path / "made", 1), out=tmp_path / "file")


def test_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def stop() -> object:
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(RunNotWritable, match="No space left"):
        write_atomically(tmp_path / "a.json", stop())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_torn_line_is_found_in_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    whole = json.dumps({"a": "x" * 100_000}).encode() + b"\n"
    for torn in (b"", b'{"a', b"y" * 200_000):
        path.write_bytes(whole * 2 + torn)
        assert find_last_line_end(path) == 2 * len(whole)
    path.write_bytes(b"y" * 200_000)
    assert find_last_line_end(path) == 0


def test_lines_know_their_place(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": "\xe2\x80\xa8"}\n')
    assert [(line.number, line.offset) for line in read_lines(path, "a")] == [(1, 0), (2, 9)]
    with pytest.raises(RunInvalid, match=r"lines\.jsonl line 1: expected a JSON object with b"):
        list(read_lines(path, "b"))
