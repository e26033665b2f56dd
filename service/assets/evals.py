"""Eval sets: `evals/<set>/set.yaml` and `cases.jsonl` -> `EvalSet`. Cases stay on the disk and are read one by one."""

from __future__ import annotations

import codecs
import hashlib
from array import array
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from service.assets.rubrics import RubricLibrary
from service.assets.yaml_files import parse_yaml, read_text
from service.domain.answer import check_storable
from service.domain.case import Case, SetFront
from service.domain.invisible import keep_printable
from service.domain.judgement import NOT_OBSERVED
from service.domain.rubric import FREE_QUESTION_ID, Question, Rubric
from service.errors import AnswerInvalid, EvalSetInvalid, UnknownEvalSet, UnknownQuestion, UnknownRubric

FRONT, CASES = "set.yaml", "cases.jsonl"
TOLD = {"title", "description", "tuned_on", "caution"}  # words about the set: a run over it stays the same run
MAX_PROBLEMS = 20  # told at once; a file with the wrong column names has one a line
_SHOWN = 20  # characters of a name that a file made up: one had an answer as a key, and all of it was told


class EvalSet:
    """An eval set that was checked line by line. Only ids and the places of lines are held: 20,000 cases are 3 MB."""

    def __init__(self, folder: Path, front: SetFront, rubric: Rubric) -> None:
        """Raises EvalSetInvalid with file, line and field for everything that is wrong, up to `MAX_PROBLEMS`."""
        self.folder = folder
        self.front = front
        self.rubric = rubric
        self.ids: list[str] = []
        self.families: frozenset[str] = frozenset()
        self._offsets = array("Q")
        self._path = folder / CASES
        self.content_hash = self._index()

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Case]:
        """The cases in the order of the file."""
        with self._path.open("rb") as file:
            for line in file:
                if not line.isspace():
                    yield Case.model_validate_json(line)

    def read(self, index: int) -> Case:
        """The case at this place in the order of the file."""
        with self._path.open("rb") as file:
            file.seek(self._offsets[index])
            return Case.model_validate_json(file.readline())

    def get_question(self, case: Case) -> Question:
        """What the case answers."""
        return self.rubric.get_question(case.question)

    def _index(self) -> str:
        """SHA-256 (hex) of the rubric's label and the file; fills `ids` and the places of the lines."""
        check = _Check(self._path, self.rubric)
        digest = hashlib.sha256(self.front.model_dump_json(exclude=TOLD).encode())
        place = 0
        try:
            with self._path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    digest.update(line)
                    if not line.isspace() and (case := check.read(line, number)) is not None:
                        self.ids.append(case.id)
                        self._offsets.append(place)
                    place += len(line)
        except OSError as failure:
            raise EvalSetInvalid(f"{self._path}: cannot be read ({failure.strerror}).") from None
        check.finish()
        self.families = frozenset(check.families)
        return digest.hexdigest()


class _Check:
    """What a line must be beside its form: ids once, questions and criteria of the rubric, levels under their caps."""

    def __init__(self, path: Path, rubric: Rubric) -> None:
        self._path = path
        self._rubric = rubric
        self._lines: dict[str, int] = {}
        self._bases: dict[str, int] = {}
        self.families: set[str] = set()
        self._problems: list[str] = []

    def read(self, line: bytes, number: int) -> Case | None:
        try:
            case = Case.model_validate_json(line)
        except ValidationError as failure:
            for said in _explain(failure, line, self._rubric):
                self._add(number, said)
            return None
        for said in self._find_problems(case):
            self._add(number, f"case {case.id}: {said}")
        first = self._lines.setdefault(case.id, number)
        if first != number:
            self._add(number, f"case {case.id}: the id stands in line {first} already; each case has its own")
        if case.family is not None:
            self.families.add(case.family)
        if case.base is not None:
            self._bases.setdefault(case.base, number)
        return case

    def finish(self) -> None:
        for base, number in self._bases.items():
            if base not in self._lines:
                self._add(number, f"base: there is no case {base} in this file")
        if not self._lines and not self._problems:
            raise EvalSetInvalid(f"{self._path}: holds no cases. Expected one JSON object a line; see evals/README.md.")
        self._raise()

    def _add(self, number: int, said: str) -> None:
        self._problems.append(f"{self._path} line {number}: {said.rstrip('.')}.")
        if len(self._problems) > MAX_PROBLEMS:
            self._problems[-1] = "And more: mend these first."
            self._raise()

    def _raise(self) -> None:
        if self._problems:
            raise EvalSetInvalid("\n".join(self._problems))

    def _find_problems(self, case: Case) -> Iterator[str]:
        try:
            check_storable(case.answer)
            question = self._rubric.get_question(case.question)
        except (AnswerInvalid, UnknownQuestion) as error:
            yield str(error)
            return
        asked = {criterion.id: criterion for criterion in self._rubric.get_criteria(question)}
        known = {criterion.id for criterion in self._rubric.criteria}
        for rating in case.ratings:
            scorer = f"scorer {_shorten(rating.scorer)}"
            for name in rating.levels:
                if name not in asked:
                    shown = name if name in known else _shorten(name)
                    what = "is not asked for by this question" if name in known else "is no criterion of the rubric"
                    yield f"{scorer}: {shown} {what}; expected {', '.join(asked)}"
            caps = {flag.id: (owner, flag.caps_at) for owner, c in asked.items() for flag in c.red_flags}
            for flag in rating.red_flags:
                if flag not in caps:
                    yield f"{scorer}: {_shorten(flag)} is no red flag of the criteria this question asks for"
                    continue
                owner, cap = caps[flag]
                rated = rating.levels.get(owner)
                if rated is not None and rated.level != NOT_OBSERVED and rated.level > cap:
                    yield f"{scorer}: {owner} has level {rated.level:g}, but {flag} caps it at {cap}"


def _explain(failure: ValidationError, line: bytes, rubric: Rubric) -> Iterator[str]:
    """What is wrong with the form of a line: `field: what was expected`; never what it holds.

    Of a field's name at most 20 printable characters, unless it is a criterion's id: a key may hold an answer.
    """
    known = {criterion.id for criterion in rubric.criteria}
    for problem in failure.errors(include_url=False, include_input=False):
        where = ".".join(str(part) if part in known else _shorten(str(part)) for part in problem["loc"])
        said = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "json_invalid":
            yield _explain_json(said, line)
        else:
            yield f"{where}: {said}" if where else said


def _shorten(name: str) -> str:
    printable = keep_printable(name)
    return f"{printable[:_SHOWN]}…" if len(printable) > _SHOWN else printable or "?"


def _explain_json(said: str, line: bytes) -> str:
    """pydantic calls each line of the file "line 1", and a missing bracket is on its "line 2"."""
    if line.startswith(codecs.BOM_UTF8):
        return "starts with a byte order mark. Save the file as UTF-8 without one"
    try:
        line.decode()
    except UnicodeDecodeError as failure:
        return f"byte {failure.start + 1} is not valid UTF-8. Save the file with the encoding UTF-8"
    return f"is not valid JSON: {said.removeprefix('Invalid JSON: ').partition(' at line ')[0]}"


class EvalLibrary:
    """The eval sets of a folder."""

    def __init__(self, folder: Path, rubrics: RubricLibrary) -> None:
        self._folder = folder
        self._rubrics = rubrics

    def list_ids(self) -> tuple[str, ...]:
        """The sets, by name; their files are not read."""
        if not self._folder.is_dir():
            return ()
        return tuple(sorted(path.parent.name for path in self._folder.glob(f"*/{FRONT}")))

    def open(self, name: str, rubric: str | None = None) -> EvalSet:
        """The set of this name, or in this folder. `rubric` grades it under another version (`id@v2`).

        Raises UnknownEvalSet; EvalSetInvalid with file, line and field, also for a rubric that the set does
        not fit.
        """
        folder = self.find_folder(name)
        front = parse_yaml(read_text(folder / FRONT, EvalSetInvalid), SetFront, folder / FRONT, EvalSetInvalid)
        return EvalSet(folder, front, self._choose_rubric(front, folder, rubric))

    def find_folder(self, name: str) -> Path:
        """The folder of the set of this name, or the one that is named; raises UnknownEvalSet."""
        own = Path(name)
        if (own / FRONT).is_file():
            return own
        if name in self.list_ids():
            return self._folder / name
        known = ", ".join(self.list_ids()) or "none"
        raise UnknownEvalSet(f"There is no eval set {name!r}. Known: {known}; or name a folder that holds {FRONT}.")

    def _choose_rubric(self, front: SetFront, folder: Path, label: str | None) -> Rubric:
        try:
            rubric = self._rubrics.get(label or front.rubric)
        except UnknownRubric as error:
            if label is not None:
                raise
            raise EvalSetInvalid(
                f"{folder / FRONT}: rubric: its levels were set under {front.rubric}. {error}"
            ) from None
        if label is None and front.rubric_hash not in (None, rubric.content_hash):
            raise EvalSetInvalid(
                f"{folder / FRONT}: rubric_hash: its levels were set from another text of {front.rubric}. Restore that "
                "rubric, or rate the cases again and write the new hash (interview-grader rubrics list --json)."
            )
        return rubric


def name_cluster(question: Question) -> str:
    """What cases of one question share: its id, or for a free question its text."""
    return question.text if question.id == FREE_QUESTION_ID else question.id
