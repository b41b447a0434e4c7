"""Commands made from operations: what a person types, and what a program reads."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from issuer.commands.operations import add_operations
from issuer.errors import Conflict, Invalid, NotAllowed
from issuer.office import Desk
from issuer.store import Role
from tests.issuer.back_office import BackOffice
from tests.issuer.office.small_operations import SMALL


@pytest.fixture
def program(back_office: BackOffice) -> click.Group:
    def open_desk(home: Path | None, reason: str, key: str | None) -> Desk:
        roles = {Role.AUDIT} if home else set(Role)
        return back_office.desk("AUS", reason=reason, request_key=key, roles=roles)

    group = click.Group("abtc-issuer")
    add_operations(group, SMALL.values(), open_desk)
    return group


def run(program: click.Group, *arguments: str, input: bytes = b"") -> Result:
    return CliRunner().invoke(
        program, ["status-list", *arguments, "--reason", "x"], input=input
    )


def test_options_are_the_fields(program: click.Group, tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(b"12345")
    done = run(
        program, "open-one", "--number", "7", "--size", "large", "--notes", "a",
        "--notes", "b", "--inner", '{"text": "deep"}', "--is-odd",
        "--content", str(tmp_path / "scan.pdf"), "--json",
    )  # fmt: skip
    assert json.loads(done.output) == {
        "number": 7,
        "capacity": 8,
        "notes": ["a", "b"],
        "inner": "deep",
        "content": 5,
    }


def test_a_person_reads_lines(program: click.Group) -> None:
    done = run(program, "open-one", "--number", "7", "--notes", "a\x1b[2J")
    assert done.output.splitlines() == [
        "number: 7",
        "capacity: 4",
        "notes:",
        "  - a\\u001b[2J",
        "inner: -",
        "content: 0",
    ]


def test_a_whole_request_from_a_file_or_standard_input(
    program: click.Group, tmp_path: Path
) -> None:
    path = tmp_path / "request.json"
    path.write_text('{"number": 3}')
    assert "number: 3" in run(program, "open-one", "--from", str(path)).output
    piped = run(program, "open-one", "--from", "-", input=b'{"number": 4}')
    assert "number: 4" in piped.output
    both = run(program, "open-one", "--from", str(path), "--number", "1")
    assert both.exit_code == 2
    inner = tmp_path / "inner.json"
    inner.write_text('{"text": "from a file"}')
    done = run(program, "open-one", "--number", "5", "--inner", f"@{inner}")
    assert "inner: from a file" in done.output


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["open-one", "--from", "-"], Invalid),
        (["open-one", "--number", "13"], Conflict),
        (["open-one", "--number", "1", "--home", "."], NotAllowed),
        (["open-one", "--number", "1", "--content", "nowhere"], OSError),
    ],
)
def test_wrong_input_is_what_the_program_reports(
    program: click.Group, arguments: list[str], error: type[Exception]
) -> None:
    failed = run(program, *arguments)
    assert isinstance(failed.exception, error)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--number is missing"),
        (["--number", "x"], "--number is no whole number"),
        (["--number", "1", "--inner", "{"], "--inner is no JSON that can be read"),
        (["--number", "1", "--inner", "{}"], "--inner text is missing"),
    ],
)
def test_a_slip_is_named_by_its_option_before_anything_is_opened(
    program: click.Group, arguments: list[str], says: str
) -> None:
    failed = run(program, "open-one", *arguments)
    assert failed.exit_code == 2
    assert says in failed.output


def test_unknown_options_and_choices_are_wrong_usage(program: click.Group) -> None:
    for arguments in (["--state", "done"], ["--number", "1", "--size", "huge"]):
        assert run(program, "open-one", *arguments).exit_code == 2


def test_help_names_fields_roles_and_what_is_required(program: click.Group) -> None:
    text = CliRunner().invoke(program, ["status-list", "open-one", "--help"]).output
    for part in ("Open a list.", "issuing", "Which list.", "[required]", "--is-odd"):
        assert part in text
