from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.evaluation.importing.tables import HEADER, import_file, write_bytes, write_xlsx
from tests.evaluation.importing.test_workbook import ROW, fail

TOO_LARGE = (
    "unpacks to more than is read from an XLSX (400 MB in all, 200 MB in one part, 200 times its size on the disk). "
    "Save the table as CSV UTF-8 and import that."
)


@pytest.mark.parametrize("limit", ["MAX_UNPACKED_BYTES", "MAX_PART_BYTES"])
def test_workbooks_that_unpack_to_too_much_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    file = write_xlsx(tmp_path / "ours.xlsx", [HEADER, ["a", "word " * 5_000, *ROW[2:]]])
    with zipfile.ZipFile(file) as package:
        sizes = [part.file_size for part in package.infolist()]
    most = sum(sizes) if limit == "MAX_UNPACKED_BYTES" else max(sizes)
    monkeypatch.setattr(f"service.tabular.package.{limit}", most)
    assert import_file(file).cases == 1
    for less in (most - 1, most // 2):  # at the half, reading stops in the middle of a part
        monkeypatch.setattr(f"service.tabular.package.{limit}", less)
        assert "unpacks to more than is read from an XLSX" in fail(file, replace=True)


def replace_part(whole: Path, made: Path, part: str, content: bytes) -> Path:
    """The workbook with other content in one part, or with one part more."""
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in dict.fromkeys([*source.namelist(), part]):
            copy.writestr(name, content if name == part else source.read(name))
    return made


def make_bomb(folder: Path) -> Path:
    """A good table, and a million shared strings beside its own: 17 MB that were packed into 60 kB."""
    whole = write_xlsx(folder / "whole.xlsx", [HEADER, ROW])
    with zipfile.ZipFile(whole) as source:
        strings = source.read("xl/sharedStrings.xml")
    return replace_part(
        whole,
        folder / "ours.xlsx",
        "xl/sharedStrings.xml",
        strings.replace(b"</sst>", b"<si><t>a</t></si>" * 1_000_000 + b"</sst>"),
    )


@pytest.mark.slow  # 5 s
def test_a_part_that_is_packed_too_densely_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make_bomb(tmp_path)
    monkeypatch.setattr("service.tabular.package.MAX_RATIO", 1100)  # deflate reaches 1032
    assert import_file(file).cases == 1  # dense, and nothing else
    monkeypatch.undo()
    monkeypatch.setattr("service.tabular.workbook.CalamineWorkbook", None)
    assert TOO_LARGE in fail(file, replace=True)


def test_the_size_in_the_table_of_a_zip_is_not_believed(tmp_path: Path) -> None:
    file = make_bomb(tmp_path)
    content = bytearray(file.read_bytes())
    entry = content.index(b"xl/sharedStrings.xml", content.index(b"PK\x01\x02")) - 46
    content[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    file.write_bytes(content)
    with zipfile.ZipFile(file) as package:
        assert package.getinfo("xl/sharedStrings.xml").file_size == 1000
    assert TOO_LARGE in fail(file)


def test_two_parts_with_one_name_are_refused(tmp_path: Path) -> None:
    whole = write_xlsx(tmp_path / "whole.xlsx", [HEADER, ROW])
    with zipfile.ZipFile(whole) as source:
        strings = source.read("xl/sharedStrings.xml")
    assert "is damaged" in fail(replace_part(whole, tmp_path / "ours.xlsx", "xl/SharedStrings.xml", strings))


@pytest.mark.parametrize("cut", ["content", "method"])
def test_parts_that_cannot_be_unpacked_are_told(tmp_path: Path, cut: str) -> None:
    whole = write_xlsx(tmp_path / "ours.xlsx", [HEADER, ROW])
    content = bytearray(whole.read_bytes())
    if cut == "content":
        start = content.index(b"xl/sharedStrings.xml") + 20
        content[start : start + 20] = bytes(20)
    else:
        entry = content.index(b"PK\x01\x02")
        content[entry + 10] = zipfile.ZIP_BZIP2
    assert "is damaged" in fail(write_bytes(whole, bytes(content)))
