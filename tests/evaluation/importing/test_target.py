"""The folder of the new set: whole or not there, and replaced only when asked; large tables."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from service.errors import ImportInvalid, RunNotWritable
from service.evaluation.importing.importer import read_rows
from service.tabular.table import open_table
from tests.evaluation.importing.tables import (
    ANSWER,
    HEADER,
    QUESTION,
    ROW,
    import_cases,
    import_file,
    read_set,
    write,
    write_csv,
    write_jsonl,
    write_xlsx,
)


def test_folder_is_its_owners_and_says_so(tmp_path: Path) -> None:
    import_file(write(tmp_path, [HEADER, ROW]))
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700
    assert (
        (tmp_path / "made" / "set.yaml").read_text(encoding="utf-8").startswith("# The answers are people's own words")
    )


def test_a_set_that_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    file = write(tmp_path, [HEADER, ROW])
    import_file(file)
    with pytest.raises(
        ImportInvalid, match=r"made: is there already\. Choose another --name or --out, or give --replace"
    ):
        import_file(file)
    write(tmp_path, [HEADER, ["b", *ROW[1:]]])
    assert [case.id for case in import_cases(file, replace=True)] == ["b"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "ours.csv", "rubrics"]


def test_a_failed_import_leaves_the_old_set_as_it_was(tmp_path: Path) -> None:
    file = write(tmp_path, [HEADER, ROW])
    import_file(file)
    write(tmp_path, [HEADER, ["b", *ROW[1:3], 9, 9]])
    with pytest.raises(ImportInvalid):
        import_file(file, replace=True)
    assert [case.id for case in read_set(tmp_path)] == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "ours.csv", "rubrics"]


def test_only_a_set_and_nothing_else_is_replaced(tmp_path: Path) -> None:
    file = write(tmp_path, [HEADER, ROW])
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(ImportInvalid, match="is no eval set, so it is not replaced"):
        import_file(file, replace=True)
    import_file(file, name="other")
    (tmp_path / "other" / "recordings").mkdir()
    with pytest.raises(ImportInvalid, match=r"holds more than the set \(recordings\), which replacing would delete"):
        import_file(file, name="other", replace=True)
    (tmp_path / "link").symlink_to(tmp_path / "other")
    with pytest.raises(ImportInvalid, match="is no eval set, so it is not replaced"):
        import_file(file, name="link", replace=True)


def test_old_set_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, [HEADER, ROW])
    import_file(file)
    real = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name.startswith(".made.") and target.name == "made":
            raise OSError(28, "No space left on device", str(target))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(RunNotWritable, match="cannot be written"):
        import_file(file, replace=True)
    assert [case.id for case in read_set(tmp_path)] == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "ours.csv", "rubrics"]


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = write(tmp_path, [HEADER, ROW])
    (tmp_path / "wall").write_text("", encoding="utf-8")
    with pytest.raises(RunNotWritable, match="made: cannot be written"):
        import_file(file, parent=tmp_path / "wall")


def test_interrupted_import_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        import_file(write(tmp_path, [HEADER, ROW]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ours.csv", "rubrics"]


def test_file_that_is_taken_away_while_it_is_read(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "ours.csv", [HEADER, ROW])
    table = open_table(file, None)
    file.unlink()
    with pytest.raises(ImportInvalid, match="was changed or taken away while it was read"):
        list(read_rows(table))


def test_new_folders_are_made_on_the_way(tmp_path: Path) -> None:
    report = import_file(write(tmp_path, [HEADER, ROW]), parent=tmp_path / "far" / "away")
    assert report.folder == tmp_path / "far" / "away" / "made"
    assert json.loads((report.folder / "cases.jsonl").read_text(encoding="utf-8"))["id"] == "a"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "xlsx", "jsonl"])
def test_100_000_rows(tmp_path: Path, kind: str) -> None:
    header = ("id", "answer", "question", "empathy@ann", "empathy@bob", "resolution@ann", "resolution@bob", "group:age")
    answer = " ".join([ANSWER] * 12)
    rows = [(f"c{n}", f"{answer} {n}", QUESTION, 1 + n % 5, "n/o", 3, 1 + n % 4, str(n % 3)) for n in range(100_000)]
    file = tmp_path / f"ours.{kind}"
    if kind == "csv":
        write_csv(file, [header, *rows])
    elif kind == "xlsx":
        write_xlsx(file, [header, *rows])
    else:
        write_jsonl(file, [dict(zip(header, row, strict=True)) for row in rows])
    started = time.process_time()
    report = import_file(file)
    assert time.process_time() - started < 60  # 16 s when nothing else runs
    assert (report.cases, report.rated_twice) == (100_000, 100_000)
