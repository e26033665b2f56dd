"""What gates are tested with: shipped cases, a prompt, a copy of it without its anchors, and recorded replies to both.

A provider on loopback plays the grader. With the anchors before it, it says what the raters said and errs a little;
without them it says a level by chance. Both are the same whenever the same is asked.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.assets.rubrics import RubricLibrary
from service.cli import run
from service.domain.case import Case
from service.domain.rubric import Rubric
from tests.cli.running import ROOT
from tests.servers.provider import Provider, run_provider_in_thread

SHIPPED = ROOT / "evals" / "handling-difficult-customers"
SET, SMALL_SET = "gate-set", "small-set"
CASES_PER_QUESTION, SMALL = 3, 5
GRADER, ERRATIC = "openai/good-model", "openai/erratic"
GOOD, DAMAGED = "grade@v1", "grade@v2"
ANCHORS = "- {{ level.level }}: {{ level.anchor }}"


@dataclass(frozen=True, slots=True)
class Gating:
    """`assets` is for GRADER_ASSETS_DIR; `replay` names the recorded replies to both prompts as a model.

    `runs` holds finished runs of both.
    """

    assets: Path
    runs: Path
    cases: dict[str, Case]

    @property
    def replay(self) -> str:
        return f"replay/{self.assets / 'evals' / SET / 'recordings'}"

    def copy_to(self, folder: Path) -> Gating:
        """The same files, to be changed by a test."""
        shutil.copytree(self.assets, folder)
        return Gating(folder, self.runs, self.cases)

    def copy_runs(self, data_folder: Path) -> None:
        """Puts the finished runs where the command looks for them: to make them anew takes seconds."""
        shutil.copytree(self.runs, data_folder / "runs", dirs_exist_ok=True)

    @property
    def folder(self) -> Path:
        return self.assets / "evals" / SET

    @property
    def baseline(self) -> Path:
        return self.folder / "baseline.json"


_made: list[Gating] = []


def make_gating(factory: pytest.TempPathFactory) -> Gating:
    """Made once a process: recording takes seconds."""
    if not _made:
        _made.append(_build(factory.mktemp("gating")))
    return _made[0]


def _build(folder: Path) -> Gating:
    assets = folder / "assets"
    for name in ("rubrics", "prompts"):
        shutil.copytree(ROOT / name, assets / name)
    prompt = (assets / "prompts" / "grade" / "v1.md").read_text(encoding="utf-8")
    damaged = prompt.replace("version: 1", "version: 2", 1).replace(ANCHORS, "- {{ level.level }}", 1)
    assert damaged.count(ANCHORS) == prompt.count(ANCHORS) - 1 == 0
    (assets / "prompts" / "grade" / "v2.md").write_text(damaged, encoding="utf-8")
    lines = _choose_lines()
    _write_set(assets / "evals" / SET, lines)
    _write_set(assets / "evals" / SMALL_SET, lines[: SMALL * CASES_PER_QUESTION : CASES_PER_QUESTION])
    cases = [Case.model_validate_json(line) for line in lines]
    gating = Gating(assets, folder / "data" / "runs", {case.answer: case for case in cases})
    with pytest.MonkeyPatch.context() as patch, serve_grader(gating) as provider:
        patch.chdir(folder)
        point_at(patch, gating, provider)
        patch.setenv("GRADER_DATA_DIR", str(folder / "data"))
        for prompt_name in (GOOD, DAMAGED):
            assert run(["evals", "record", SET, "--model", GRADER, "--prompt", prompt_name, "--json"]) == 0
        for prompt_name in (GOOD, DAMAGED):
            assert run(["evals", "run", SET, "--model", gating.replay, "--prompt", prompt_name, "--json"]) == 0
        (accepted,) = gating.runs.glob(f"*.{GOOD.replace('@', '-')}.*")
        assert run(["evals", "accept", accepted.name, "--reason", "First.", "--json"]) == 0
    return gating


def _choose_lines() -> list[str]:
    """Three cases of each of the 28 questions."""
    chosen: dict[str, list[str]] = {}
    for line in (SHIPPED / "cases.jsonl").read_text(encoding="utf-8").split("\n"):
        case = json.loads(line) if line else None
        if case and len(lines := chosen.setdefault(case["question"], [])) < CASES_PER_QUESTION:
            lines.append(json.dumps({**case, "groups": {"style": case["groups"]["style"]}}))
    return [line for lines in chosen.values() for line in lines]


def _write_set(folder: Path, lines: list[str]) -> None:
    folder.mkdir(parents=True)
    (folder / "cases.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    front = (SHIPPED / "set.yaml").read_text(encoding="utf-8")
    (folder / "set.yaml").write_text(front.replace(f"id: {SHIPPED.name}", f"id: {folder.name}", 1), encoding="utf-8")


def point_at(patch: pytest.MonkeyPatch, gating: Gating, provider: Provider | None = None) -> None:
    """Settings: these assets; and this provider, else none at all."""
    patch.setenv("GRADER_ASSETS_DIR", str(gating.assets))
    patch.setenv("GRADER_PROMPT", GOOD)
    patch.setenv("GRADER_ATTEMPTS", "1")
    patch.setenv("GRADER_LIVE_CALLS", "false" if provider is None else "true")
    if provider is not None:
        patch.setenv("GRADER_BASE_URL", provider.base_url)
        patch.setenv("GRADER_API_KEY", "sk-hidden")


@contextmanager
def serve_grader(gating: Gating) -> Iterator[Provider]:
    """The grader, on loopback."""
    rubric = RubricLibrary(gating.assets / "rubrics").get("handling-difficult-customers@v1")
    with run_provider_in_thread(partial(grade, rubric, gating.cases)) as provider:
        yield provider


def grade(rubric: Rubric, cases: dict[str, Case], body: bytes) -> str:
    """The reply to a request."""
    asked = json.loads(body)
    system, user = (message["content"] for message in asked["messages"][:2])
    case = next(case for answer, case in cases.items() if answer.strip() in user)
    has_anchors = re.search(r"^- 3: \w", system, re.MULTILINE) is not None
    words = re.search(r"\S+\s+\S+\s+\S+\s+\S+", case.answer)
    assert words is not None
    criteria = {}
    for criterion in rubric.get_criteria(rubric.get_question(case.question)):
        said = case.ratings[0].levels[criterion.id].level
        draw = _draw(case.id, criterion.id, asked["model"], asked.get("seed"))
        level = _say(said, draw, wild=not has_anchors or asked["model"] == "erratic")
        quotes = [] if level == "not_observed" else [words[0]]
        criteria[criterion.id] = {
            "quotes": quotes, "indicators_shown": [], "red_flags": [], "rationale": "As seen.", "level": level,
            "advice": "Go on.",
        }  # fmt: skip
    feedback = {"summary": "An answer.", "strengths": [], "improvements": [], "next_step": "", "follow_up_question": ""}
    return json.dumps({"criteria": criteria, "feedback": feedback})


def _draw(*names: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(names).encode()).digest()[:4])


def _say(said: float | str, draw: int, wild: bool) -> Any:
    """One level in eight is off by one; `wild`: any level."""
    if wild:
        return 1 + draw % 5
    if said == "not_observed" or draw % 8:
        return said if said == "not_observed" else round(float(said))
    return min(5, max(1, round(float(said)) + (1 if draw % 16 else -1)))
