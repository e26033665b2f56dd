"""The help is read by people who have read nothing else."""

from __future__ import annotations

import re

import pytest

from service import __version__
from tests.cli.running import Run

COMMANDS = [
    "grade",
    "transcribe",
    "questions",
    "serve",
    "doctor",
    "worker",
    *("grades", "grades list", "grades show", "grades delete"),
    *("rubrics", "rubrics list", "rubrics show", "rubrics check", "rubrics schema"),
    *("prompts", "prompts list", "prompts show", "prompts render", "prompts diff"),
    *("evals", "evals list", "evals run", "evals record", "evals rescore", "evals show", "evals compare"),
    *("evals gate", "evals accept", "evals drift", "evals import", "evals derive"),
    *("batches", "batches preview", "batches estimate", "batches submit", "batches list", "batches show"),
    *("batches watch", "batches pause", "batches resume", "batches cancel", "batches retry", "batches results"),
    *("batches export", "batches rejected", "batches delete"),
    *("review", "review queue", "review show", "review add", "review decide", "review agree"),
    *("audit", "audit list", "audit verify"),
    *("keys", "keys create", "keys list", "keys revoke"),
]
WITHOUT_JSON = {"serve", "rubrics schema"}  # a server; JSON already
GROUPS = ["grades", "rubrics", "prompts", "evals", "batches", "review", "audit", "keys"]


def test_main_help_lists_all_commands(cli: Run) -> None:
    text = cli("--help").out
    named = re.findall(r"^  ([a-z]+)  ", text.partition("Commands:")[2], re.MULTILINE)
    assert named == list(dict.fromkeys(command.split()[0] for command in COMMANDS))


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_the_terminal_and_cuts_no_sentence(cli: Run, command: str) -> None:
    shown = cli(*command.split(), "--help")
    assert (shown.code, shown.err) == (0, "")
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "\b" not in shown.out
    commands = shown.out.partition("Commands:")[2]
    assert "..." not in commands
    assert cli(*command.split(), "-h") == shown


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in {*WITHOUT_JSON, *GROUPS}])
def test_every_command_can_print_json(cli: Run, command: str) -> None:
    assert "--json" in cli(*command.split(), "--help").out


@pytest.mark.parametrize(
    ("command", "example"),
    [
        ("", "interview-grader grade --question find-root-cause my_answer.txt"),
        ("grade", "interview-grader grade --question find-root-cause answer.txt"),
        ("grade", 'echo "I let her finish, …" | interview-grader grade --question legal-threat -'),
        ("serve", "interview-grader serve --host 0.0.0.0"),
        ("keys create", 'interview-grader keys create "HR portal"'),
        ("prompts render", "interview-grader prompts render grade@v1 answer.txt --question find-root-cause"),
        ("prompts diff", "interview-grader prompts diff grade@v1 grade-each@v1"),
        ("rubrics check", "interview-grader rubrics check my_rubric.yaml"),
    ],
)
def test_example_stands_on_a_line_of_its_own(cli: Run, command: str, example: str) -> None:
    assert f"  {example}" in cli(*command.split(), "--help").out.splitlines()


def test_version(cli: Run) -> None:
    assert cli("--version").out == f"interview-grader {__version__}\n"


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_no_command_shows_the_help_as_it_is(cli: Run, group: str) -> None:
    shown = cli(*group.split())
    assert (shown.code, shown.out) == (2, "")
    assert shown.err == cli(*group.split(), "--help").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "No such command 'nosuch'. See interview-grader --help."),
        (["grade", "--nosuch"], "No such option: --nosuch. See interview-grader grade --help."),
        (["grade", "--samples", "10"], "Invalid value for '--samples': Input should be less than or equal to 9."),
        (["grade", "--samples", "many"], "Invalid value for '--samples': "),
        (["grade", "--mode", "exam"], "--mode is practice or screening, not 'exam'."),
        (["grade", "--rubric", "behavioural-interview"], "The answer is missing: name a file that holds it"),
        (["grade", "answer.txt"], "--question is missing: give an id from `interview-grader questions`"),
        (["grades", "list", "--limit", "0"], "Invalid value for '--limit': "),
        (["grades", "list", "--limit", "101"], "Invalid value for '--limit': "),
        (["grades", "show"], "Missing argument 'ID'. See interview-grader grades show --help."),
        (["grades", "show", "grd_none"], "There is no grade with this id."),
        (["grades", "delete", "grd_none"], "There is no grade with this id."),
        (["keys", "revoke", "none"], "There is no API key with this id."),
        (["keys", "create", "me", "--scope", "all"], "There is no scope all. Known scopes: grades:write, grades:read"),
        (["keys", "create", "  "], "The name of the key is empty."),
        (["questions", "--rubric", "none"], "There is no rubric 'none'. Known rubrics: behavioural-interview@v1"),
        (["rubrics", "show", "none@v1"], "There is no rubric 'none@v1'. Known rubrics: behavioural-interview@v1"),
        (["rubrics", "check", "none.yaml"], "none.yaml: cannot be read (No such file or directory)."),
        (["prompts", "show", "none"], "There is no prompt 'none'. Known prompts: grade@v1, grade-each@v1."),
        (["prompts", "show", "grade@v9"], "There is no prompt 'grade@v9'. Known prompts: grade@v1, grade-each@v1."),
        (["prompts", "diff", "grade@v1", "none"], "There is no prompt 'none'. Known prompts: grade@v1, grade-each@v1."),
        (["prompts", "render", "grade", "answer.txt"], "Missing option '--question'."),
        (["serve", "--port", "65536"], "Invalid value for '--port': "),
    ],
)
def test_wrong_arguments_are_one_sentence(cli: Run, arguments: list[str], message: str) -> None:
    cli(*arguments).check_sentence(2, message)
