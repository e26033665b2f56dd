"""Files whose cells, rows or packages are larger than what may be held."""

from __future__ import annotations

import csv
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.batches.intake.files import ANGRY, HEADER, fail, read_file
from tests.evaluation.importing.tables import write_bytes, write_xlsx

ROW = ("c1", ANGRY, "One.")
_MEASURE = """
import sys
from pathlib import Path
from service.batches.intake.reading import read_answers
from service.batches.intake.request import IntakeRequest
from service.errors import BatchInvalid
from tests.factories import make_rubric
count = 0
file = Path(sys.argv[1])
try:
    for one in read_answers(IntakeRequest(file, file.name, max_rows=2_000_000), make_rubric()):
        count += 1
except BatchInvalid:
    count = -1
status = Path("/proc/self/status").read_text()
print(count, status.split("VmHWM:")[1].split()[0])
"""


def test_a_zip_bomb(tmp_path: Path) -> None:
    whole = write_xlsx(tmp_path / "whole.xlsx", [HEADER, ROW])
    file = tmp_path / "ours.xlsx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in source.namelist():
            copy.writestr(name, source.read(name))
        copy.writestr("xl/media/image1.png", bytes(50_000_000))
    assert fail(file).startswith("ours.xlsx: unpacks to more than is read from an XLSX")


def test_a_long_cell_on_one_line_is_a_row(tmp_path: Path) -> None:
    long = "word " * 1_000_000
    for name, text in [
        ("a.csv", f"candidate,question,answer\nc1,{ANGRY},{long}\nc2,{ANGRY},One.\n"),
        ("b.csv", f'candidate,question,answer\nc1,{ANGRY},"{long}"\nc2,{ANGRY},One.\n'),
        ("c.csv", f"candidate,question,answer\nc1,{ANGRY},{long[: csv.field_size_limit() + 1]}\nc2,{ANGRY},One.\n"),
        ("d.jsonl", f'{{"question":"{ANGRY}","answer":"{long}"}}\n{{"question":"{ANGRY}","answer":"One."}}\n'),
    ]:
        outcome = read_file(write_bytes(tmp_path / name, text.encode()))
        assert [one.text for one in outcome.answers] == ["One."]
        (rejected,) = outcome.rejected
        assert "longer than" in rejected.reason
        assert len(rejected.cells[-1]) == 100_000


def test_a_long_cell_of_many_lines_is_told_with_its_row(tmp_path: Path) -> None:
    text = f'candidate,question,answer\nc1,{ANGRY},One.\nc2,{ANGRY},"' + "word word\n" * 50_000 + '"\nc3,x,Three.\n'
    assert fail(write_bytes(tmp_path / "ours.csv", text.encode())).startswith("ours.csv row 3: the quotes do not match")
    jammed = f'candidate,question,answer\nc2,{ANGRY},"' + "w" * 5_000_000 + "\nc1,angry-customer,One.\n"
    assert fail(write_bytes(tmp_path / "ours.csv", jammed.encode())).startswith("ours.csv row 2: the quotes")


@pytest.mark.parametrize("is_shared", [True, False])
def test_a_long_cell_of_a_workbook(tmp_path: Path, is_shared: bool) -> None:
    whole = write_xlsx(tmp_path / "whole.xlsx", [HEADER, ROW])
    file, long = tmp_path / "ours.xlsx", b"ab " * 400_000
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in source.namelist():
            content = source.read(name)
            if is_shared:
                content = content.replace(b"One.", long)
            elif name.endswith("sheet1.xml"):
                content = content.replace(
                    b'<c r="A2" t="s"><v>3</v>', b'<c r="A2" t="inlineStr"><is><t>%s</t></is>' % long
                )
            copy.writestr(name, content)
    assert fail(file).startswith("ours.xlsx: a cell holds more than 1,000,000 characters.")


def measure(file: Path) -> tuple[int, float]:
    """How many rows came, -1 for a refused file; and the peak of a process that only read it, in MB."""
    done = subprocess.run([sys.executable, "-c", _MEASURE, str(file)], capture_output=True, text=True, check=True)
    count, kilobytes = done.stdout.split()
    return int(count), int(kilobytes) / 1e3


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["line.csv", "lines.csv", "line.jsonl"])
def test_200_mb_in_one_cell_are_never_held(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    start, end = (b'{"answer":"', b'"}\n') if name.endswith("jsonl") else (b'candidate,question,answer\nc1,x,"', b'"\n')
    with file.open("wb") as stream:
        stream.write(start)
        for _ in range(200):
            stream.write(b"word word\n" * 100_000 if name == "lines.csv" else b"word " * 200_000)
        stream.write(end)
    count, megabytes = measure(file)
    assert count in (1, -1)
    assert megabytes < 200


@pytest.mark.slow
@pytest.mark.timeout(600)  # 35 s alone on the machine
@pytest.mark.parametrize("name", ["ours.csv", "ours.jsonl"])
def test_a_million_rows_never_sit_in_memory(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    words = "I let her finish and then I rang the depot about it so that order"
    with file.open("w", encoding="utf-8") as stream:
        stream.write("candidate,question,answer\n" if name.endswith("csv") else "")
        for n in range(1_000_000):
            text = f"{words} {n}, {n + 1} and {n + 2}." if n % 50 == 0 else f"I rang order {n}."
            stream.write(
                f'c{n},{ANGRY},"{text}"\n'
                if name.endswith("csv")
                else f'{{"candidate":"c{n}","question":"{ANGRY}","answer":"{text}"}}\n'
            )
    count, megabytes = measure(file)
    assert count == 1_000_000
    assert megabytes < 200
