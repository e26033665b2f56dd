"""The wheel as people get it: complete, without the tests, and working far from the source tree."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.package.conftest import ROOT, Installed
from tests.package.servers import run_server

pytestmark = pytest.mark.slow  # a wheel is built and installed

DATA = ("prompts", "rubrics")


@pytest.fixture(scope="session")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_every_file_of_the_package(names: set[str]) -> None:
    files = {path for path in (ROOT / "service").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {str(path.relative_to(ROOT)) for path in files} <= names
    for needed in ("py.typed", "cli/sample.yaml", "api/templates/docs.html", "api/static/docs.css"):
        assert f"service/{needed}" in names
    assert any(name.startswith("service/store/migrations/versions/0001") for name in names)


def test_wheel_holds_the_data_folders(names: set[str]) -> None:
    for folder in DATA:
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert files
        assert {f"service/data/{path.relative_to(ROOT)}" for path in files} <= names


def test_wheel_holds_nothing_else(names: set[str]) -> None:
    assert {name.split("/")[0] for name in names} == {"service", "interview_grader-0.1.0.dist-info"}
    assert not [name for name in names if "test" in name.lower() or name.endswith((".pyc", ".env", ".db"))]


def test_installed_package_is_the_wheels(installed: Installed) -> None:
    place = Path(installed.evaluate("service.__file__"))
    assert place.is_relative_to(installed.prefix)
    found = installed.evaluate("__import__('service.assets.folders').assets.folders.find_folder('rubrics')")
    assert Path(found) == place.parent / "data" / "rubrics"
    assert installed.evaluate("__import__('importlib.metadata').metadata.version('interview-grader')") == "0.1.0"


def test_installed_command_grades(installed: Installed) -> None:
    grade = json.loads(installed.run("grade", "--json"))
    assert (grade["status"], grade["provenance"]["backend"]) == ("scored", "embedded")
    assert grade["id"] in installed.run("grades", "list")


def test_installed_command_says_that_it_works(installed: Installed) -> None:
    found = json.loads(installed.run("doctor", "--json"))
    assert [check["works"] for check in found["checks"]] == [True] * 6
    assert "handling-difficult-customers@v1" in installed.run("rubrics", "list")
    assert "grade-each@v1" in installed.run("prompts", "list")


def test_installed_command_serves(installed: Installed) -> None:
    with run_server(installed) as get:
        assert json.loads(get("/healthz")) == {"status": "ok"}
        assert json.loads(get("/readyz")) == {"status": "ok"}
        assert "stylesheet" in get("/docs")
        assert "handling-difficult-customers" in get("/v1/rubrics")
