"""``abtc-verify`` as a person or a script runs it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulator import World

COMMAND = Path(sys.executable).with_name("abtc-verify")
WORLD = World(economies=["AUS"])
TEXT = WORLD.show(WORLD.card(), as_text=True)
CODE = WORLD.show(WORLD.card())


def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    done = subprocess.run(  # noqa: S603  # our own command
        [COMMAND, *arguments], input=stdin, capture_output=True, timeout=60, check=False
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_pack_and_unpack() -> None:
    """What one direction prints the other takes, and nothing else is printed."""
    assert run("pack", TEXT) == (0, f"{CODE}\n", "")
    assert run("unpack", CODE) == (0, f"{TEXT}\n", "")


def test_json_for_programs() -> None:
    """With --json there is one object with the text and what is in it."""
    status, out, _ = run("unpack", CODE, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["text"] == TEXT
    assert found["card"]["payload"]["document_number"] == "A1234567"
    assert found["proof"]["header"] == {"alg": "ES256", "typ": "kb+jwt"}
    packed = json.loads(run("pack", TEXT, "--json")[1])
    assert packed == {"text": CODE, "characters": len(CODE)}


def test_physical_cards_have_no_proof_to_print() -> None:
    """The proof of a printed card is null, not missing and not an error."""
    card = WORLD.show(WORLD.card(form="physical"))
    assert json.loads(run("unpack", card, "--json")[1])["proof"] is None


def test_streaming_goes_on_after_a_bad_line() -> None:
    """Each line is answered, a bad one with one line of its own; the status says so."""
    lines = "\n".join([CODE, "rubbish", CODE]).encode()
    status, out, err = run("unpack", "-", stdin=lines)
    assert (status, out) == (1, f"{TEXT}\n{TEXT}\n")
    assert err.splitlines() == [
        "abtc-verify: not ABTC QR text: does not begin with ABTC1:"
    ]
    status, out, err = run("unpack", "-", "--json", stdin=lines)
    assert (status, err) == (1, "")
    assert ["error" in json.loads(line) for line in out.splitlines()] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "stdin",
    [b"\xff\xfe\x00", b"x" * 10**6, b"\x00\n", CODE.encode() + b"x" * 20_000],
    ids=["not UTF-8", "one long line", "NUL", "long tail"],
)
def test_hostile_standard_input(stdin: bytes) -> None:
    """Whatever comes in, there is a clear line for each line and never a traceback."""
    status, out, err = run("unpack", "-", stdin=stdin)
    assert (status, out) == (1, "")
    assert "Traceback" not in err
    assert all(line.startswith("abtc-verify: ") for line in err.splitlines())


def test_windows_line_ends() -> None:
    """A carriage return before the line feed belongs to the line end."""
    assert run("unpack", "-", stdin=f"{CODE}\r\n".encode()) == (0, f"{TEXT}\n", "")


@pytest.mark.parametrize(
    "arguments", [(), ("fly",), ("unpack",), ("unpack", CODE, "x"), ("pack", "--quick")]
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    """Wrong usage is one line on standard error and status 64."""
    status, out, err = run(*arguments)
    assert (status, out) == (64, "")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", ["check", "sync", "info", "unpack", "pack"])
def test_help_says_what_each_option_is(command: str) -> None:
    """A newcomer needs nothing else to know what to give."""
    status, out, _ = run(command, "--help")
    assert status == 0
    for each in re.split(r"\n  (?=\S)", out.split("options:")[1].strip()):
        assert len(re.split(r"\s{2,}", each.strip())) > 1, each


def test_a_wrong_value_is_named() -> None:
    """The line names what was wrong, and nothing of how we read it."""
    given = ("check", CODE, "--store", ".", "--economy", "AUS", "--now", "yesterday")
    status, out, err = run(*given)
    assert (status, out) == (64, "")
    assert err.splitlines() == [
        "abtc-verify check: argument --now: no moment, such as 2030-01-15T12:00:00Z"
    ]


def test_not_packable() -> None:
    """A presentation that is not canonical is refused with the reason."""
    status, out, err = run("pack", TEXT.replace("~", "~x~"))
    assert (status, out) == (1, "")
    assert err.startswith("abtc-verify: cannot be packed: ")


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """When `head` has seen enough, the command ends without a word."""
    many = tmp_path / "codes"
    many.write_text(f"{CODE}\n" * 2000)
    done = subprocess.run(  # noqa: S602  # the pipe of a shell is what is tested
        f'"{COMMAND}" unpack - < "{many}" | head -1',
        shell=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.decode() == f"{TEXT}\n"
    assert done.stderr == b""


def test_empty_lines_are_passed_over() -> None:
    """An empty line on standard input is nothing, not a bad code."""
    assert run("unpack", "-", stdin=f"\n{CODE}\n\n".encode()) == (0, f"{TEXT}\n", "")


def test_version() -> None:
    """--version says which release this is."""
    assert run("--version") == (0, "0.1.0\n", "")


def test_without_standard_input() -> None:
    """A closed standard input is one clear line."""
    done = subprocess.run(  # noqa: S602  # only a shell closes a stream
        f'"{COMMAND}" unpack - <&-',
        shell=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.decode() == "abtc-verify: there is no standard input\n"
