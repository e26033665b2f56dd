"""A broken rubric file is refused with file, line, place and what was expected."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.assets.folders import find_folder
from service.assets.rubrics import RubricLibrary, load_rubric
from service.errors import RubricInvalid, UnknownRubric
from tests.factories import make_rubric


def write_yaml(data: Any, **options: Any) -> str:
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, **options))


PLAIN = make_rubric().model_dump(mode="json", by_alias=True, exclude_none=True)
TEXT = write_yaml(PLAIN)


def find_line(text: str, wanted: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if wanted in line)


def read(tmp_path: Path, text: str | bytes) -> str:
    """The message with which a file of this content is refused."""
    path = tmp_path / "v1.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(RubricInvalid) as caught:
        load_rubric(path)
    message = str(caught.value)
    assert all(line.startswith(str(path)) for line in message.splitlines()), message
    return message.replace(str(path), "FILE")


def test_a_valid_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "v1.yaml"
    path.write_text(TEXT, encoding="utf-8")
    assert load_rubric(path) == make_rubric()


@pytest.mark.parametrize(
    ("old", "new", "line_of", "told"),
    [
        ("title:", "titel:", "titel:", "titel: unknown key; correct its spelling or remove it"),
        ("title: Small rubric\n", "", "format: 1", "title: expected this key, found nothing; add it"),
        ("title:", "id: other\ntitle:", "id: other", "id: the key stands twice; keep one"),
        ("version: 1", "version: one", "version: one", "version: the value should be a valid integer"),
        ("version: 1", "version: 0", "version: 0", "the value should be greater than or equal to 1; found 0"),
        ("- level: 2\n", "- level: 3\n", "- level: 1", "levels 1, 2, 3, 4, 5 in this order, found [1, 3, 3, 4, 5]"),
        ("empathy: 2.0\n    resolution: 1.0", "empathy: 0", "empathy: 0", "at least one weight above zero"),
        ("empathy: 2.0", "empathie: 2.0", "", "weights name unknown criteria ['empathie']"),
        ("empathy: 2.0", "empathy: .nan", "empathy: .nan", "finite number; found nan"),
        ("empathy: 2.0", "empathy: .inf", "empathy: .inf", "finite number; found inf"),
        ("empathy: 2.0", "empathy: heavy", "empathy: heavy", "valid number, unable to parse"),
        ("kind: past_behaviour", "kind: riddle", "kind: riddle", "the value should be 'approach'"),
        ("title: Small rubric", "title: [a, b]", "title: [a, b]", "title: the value should be a valid string"),
        ("title: Small rubric", "title:", "title:", "title: the value should be a valid string; found None"),
        ("caps_at: 2", "caps_at: 9", "caps_at: 9", "criteria.0.red_flags.0.caps_at: the value should be less"),
        ("title:", "? [a, b]\n: c\ntitle:", "", "unhashable key"),
        ("title:", "7: x\ntitle:", "", "7"),
    ],
)
def test_a_wrong_value_is_named_with_its_line_and_place(
    tmp_path: Path, old: str, new: str, line_of: str, told: str
) -> None:
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    message = read(tmp_path, text)
    assert told in message
    if line_of:
        assert f"FILE line {find_line(text, line_of)}" in message


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    message = read(tmp_path, TEXT.replace("title:", "titel:").replace("version: 1", "version: 0"))
    assert len(message.splitlines()) == 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "FILE: the file is empty. Expected a mapping"),
        (b"# only a comment\n", "FILE: the file is empty. Expected a mapping"),
        (b"\xef\xbb\xbf", "FILE: the file is empty"),
        (b"just a sentence", "the whole file: the value should be a valid dictionary"),
        (b"- a\n- list", "the whole file: the value should be a valid dictionary"),
        (b"format: 1\n\tid: x", "FILE line 2: not valid YAML"),
        (b"format: 1\nid: [a", "not valid YAML"),
        (b"format: 1\nid: 'a", "not valid YAML"),
        (b"format: 1\n---\nformat: 1", "FILE line 2: not valid YAML"),
        (
            b"a: !!python/object/apply:os.system [echo]",
            "FILE line 1: not valid YAML: could not determine a constructor",
        ),
        (b"a: 2026-13-45", "not valid YAML: month must be in 1..12"),
        (b"a: " + b"9" * 5_000, "not valid YAML: Exceeds the limit"),
        (b"a: \x01", "FILE: not valid YAML"),
        (b"title: caf\xe9", "FILE: byte 11 is not valid UTF-8. Save the file"),
        ("title: é".encode("utf-16"), "FILE: byte 1 is not valid UTF-8"),
        (b"a: &x 1\nb: *x", "FILE line 2: aliases (*name) are not read"),
        (b"a: &x [*x]", "FILE line 1: aliases"),
        (b"base: &b {a: 1}\nmore:\n  <<: *b", "FILE line 3: aliases"),
        (b"[" * 51 + b"]" * 51, "nested deeper than 50 levels"),
        (b"a: " + b"[" * 300_000, "nested deeper than 50 levels"),
        (b"- " * 300_000, "nested deeper than 50 levels"),
    ],
)
def test_what_is_no_rubric_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    assert told in read(tmp_path, content)


def test_a_billion_laughs_are_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    begun = time.process_time()
    assert "FILE line 2: aliases" in read(tmp_path, "\n".join(lines))
    assert time.process_time() - begun < 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RubricInvalid, match=r"none\.yaml: cannot be read \(No such file or directory\)"):
        load_rubric(tmp_path / "none.yaml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(RubricInvalid, match=r"cannot be read \(Is a directory\)"):
        load_rubric(tmp_path)


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n" + TEXT.replace("title:", "\n\n# another\ntitle:"),
        write_yaml(PLAIN, default_flow_style=True, width=40),
        write_yaml(dict(reversed(PLAIN.items()))),
        write_yaml(PLAIN, indent=8, default_style='"').replace('"1.0"', "1.0"),
        TEXT.replace("\n", "\r\n"),
        "\ufeff" + TEXT,
    ],
    ids=["comments", "flow-style", "key-order", "quotes", "windows-lines", "byte-order-mark"],
)
def test_the_hash_ignores_how_a_file_is_written(tmp_path: Path, same: str) -> None:
    (tmp_path / "v1.yaml").write_bytes(same.encode())
    assert load_rubric(tmp_path / "v1.yaml").content_hash == make_rubric().content_hash


@pytest.mark.parametrize(
    ("old", "new"), [("Small rubric", "Small Rubric"), ("empathy: 2.0", "empathy: 2.5"), ("I let her", "I let him")]
)
def test_the_hash_changes_with_the_content(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "v1.yaml").write_text(TEXT.replace(old, new), encoding="utf-8")
    assert load_rubric(tmp_path / "v1.yaml").content_hash != make_rubric().content_hash


@pytest.fixture
def library(tmp_path: Path) -> RubricLibrary:
    """small@v1, v2 and v10, a broken one and things that are no rubrics."""
    for version in (1, 2, 10):
        folder = tmp_path / "small"
        folder.mkdir(exist_ok=True)
        (folder / f"v{version}.yaml").write_text(TEXT.replace("version: 1", f"version: {version}"), encoding="utf-8")
    (tmp_path / "small" / "v3.yaml.bak").write_text("x", encoding="utf-8")
    (tmp_path / "small" / "v01.yaml").write_text("x", encoding="utf-8")
    (tmp_path / "schema.json").write_text("{}", encoding="utf-8")
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "v1.yaml").write_text(TEXT, encoding="utf-8")
    return RubricLibrary(tmp_path)


def test_a_rubric_is_got_by_version_or_newest(library: RubricLibrary) -> None:
    assert library.get("small@v2").version == 2
    assert library.get("small").version == 10
    assert library.get("small") is library.get("small@v10")


def test_all_versions_are_listed_in_number_order(library: RubricLibrary) -> None:
    assert library.list_labels() == ("moved@v1", "small@v1", "small@v2", "small@v10")


@pytest.mark.parametrize(
    "reference",
    ["", "small@v4", "small@v01", "small@", "Small", "../small", "small/../small", "other", "small@v9999999"],
)
def test_an_unknown_rubric_is_answered_with_the_known_ones(library: RubricLibrary, reference: str) -> None:
    with pytest.raises(UnknownRubric, match="Known rubrics: moved@v1, small@v1"):
        library.get(reference)


def test_a_file_in_the_wrong_place_is_refused(library: RubricLibrary) -> None:
    with pytest.raises(RubricInvalid, match=r"holds small@v1, but its place says moved@v1"):
        library.list_all()


def test_a_folder_that_is_not_there_holds_no_rubrics(tmp_path: Path) -> None:
    assert RubricLibrary(tmp_path / "none").list_all() == ()
    with pytest.raises(UnknownRubric, match="Known rubrics: none"):
        RubricLibrary(tmp_path / "none").get("small")


def test_a_folder_of_ones_own_stands_in_for_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "rubrics").mkdir()
    assert find_folder("rubrics", tmp_path) == tmp_path / "rubrics"
    assert find_folder("prompts", tmp_path) == find_folder("prompts")
    assert (find_folder("prompts") / "grade" / "v1.md").is_file()
