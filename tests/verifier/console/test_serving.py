"""The console as a program: it starts, answers, and ends."""

import contextlib
import io
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from verifier import cli
from verifier.console.serving import listen


@contextlib.contextmanager
def started(tmp_path: Path, *more: object) -> Iterator[Any]:
    """The program, and the address that it printed."""
    given = ["--store", tmp_path / "store", "--economy", "SGP", "--port", 0, *more]
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-c", RUN, "console", *map(str, given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


RUN = "import sys; from verifier.cli import main; sys.exit(main())"


def closed_by(process: Any, how: signal.Signals) -> tuple[int, str]:
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


@pytest.mark.enable_socket
def test_it_starts_without_any_data_and_ends_when_told(tmp_path: Path) -> None:
    """One address, for this account alone; then it says that it is not ready."""
    (tmp_path / "key").write_text("no key")
    log = ["--log", tmp_path / "log", "--log-key", tmp_path / "key"]
    with started(tmp_path, *log, "--imager", tmp_path / "none") as (process, address):
        assert address.startswith("http://127.0.0.1:")
        kept = tmp_path / "store-console" / "address"
        assert kept.read_text().strip() == address
        assert kept.stat().st_mode & 0o777 == 0o600
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        base = address.partition("/start")[0]
        with opener.open(f"{base}/api/words/en", timeout=30) as answer:
            assert b"card.foreign" in answer.read()
        with contextlib.suppress(urllib.error.HTTPError):  # where there are no pages
            opener.open(address, timeout=30).close()
        with opener.open(f"{base}/api/state", timeout=30) as answer:
            state = answer.read()
        assert b'"ready":false' in state
        assert b"is no key of a log" in state
        assert b'"absent"' in state
        assert closed_by(process, signal.SIGTERM) == (0, "")


def test_it_ends_by_the_keyboard_as_well(tmp_path: Path) -> None:
    with started(tmp_path) as (process, _):
        assert closed_by(process, signal.SIGINT) == (0, "")


@pytest.mark.enable_socket
def test_a_port_that_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = listen(0)
    port = opened.getsockname()[1]
    given = ["--store", str(tmp_path), "--economy", "SGP", "--port", str(port)]
    assert cli.main(["console", *given]) == cli.BAD_INPUT
    opened.close()
    assert capsys.readouterr().err.startswith(f"abtc-verify: port {port}: ")


@pytest.mark.parametrize(
    "more",
    [
        ["--economy", "sgp"],
        ["--zone", "Nowhere/Else"],
        ["--port", "70000"],
        ["--idle", "0"],
        ["--log", "x"],
        ["--from", "x"],
        ["--training", "--log", "x", "--log-key", "x"],
        ["--kiosk"],
    ],
)
def test_wrong_usage(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and nothing is started."""
    given = ["--store", "x", "--economy", "SGP", *more]
    try:
        status = cli.main(["console", *given])
    except SystemExit as error:
        status = int(str(error.code))
    assert status == cli.USAGE
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_the_extra_there_is_one_line() -> None:
    """A device that was installed for deciding alone says what is missing."""
    code = f"import sys; sys.modules['flask'] = None; {RUN}"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, "console", "--store", "x", "--economy", "SGP"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == cli.USAGE
    assert done.stderr == "abtc-verify: the console needs abtc[console]\n"


def test_officers_are_added_by_the_command_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The PIN is read, never an argument; what is wrong is one line."""

    def run(officer: str, pin: str, *more: str) -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{pin}\n"))
        return cli.main(["console-officer", officer, "--home", str(tmp_path), *more])

    assert run("b-17", "123456") == cli.OK
    assert "123456" not in (tmp_path / "officers.json").read_text()
    assert run("b-17", "1") == cli.BAD_INPUT
    assert run("b 17", "123456") == cli.BAD_INPUT
    assert run("b-17", "", "--remove") == cli.OK
    assert run("b-17", "", "--remove") == cli.BAD_INPUT
    (tmp_path / "officers.json").write_text("x")
    assert run("b-17", "123456") == cli.BAD_INPUT
    assert len(capsys.readouterr().err.splitlines()) == 4
