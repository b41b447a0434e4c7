"""The desk's command as somebody starts it."""

import http.client
import json
import signal
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.verifier.console.desk.conftest import TODAY

WITHOUT = "import sys; sys.modules.update(flask=None, waitress=None, zxingcpp=None); "
PROGRAM = "from verifier.cli import main; sys.exit(main())"


def run(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", code, *options],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


@pytest.mark.enable_socket
def test_a_program_asks_as_the_guide_says_and_the_desk_ends_cleanly(
    synced: Path,
) -> None:
    """The address, the cookie, one answer; the next address; and a signal."""
    desk = subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", f"import sys; {PROGRAM}", "desk",
         "--store", str(synced), "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with desk:
        assert desk.stdout
        assert desk.stderr
        address = urlsplit(desk.stdout.readline().strip())
        here = f"http://{address.netloc}"
        asked = http.client.HTTPConnection(address.netloc, timeout=30)
        asked.request("GET", f"{address.path}?{address.query}")
        let_in = asked.getresponse()
        assert let_in.status == HTTPStatus.SEE_OTHER
        let_in.read()
        cookie = let_in.headers["Set-Cookie"].partition(";")[0]
        question = {"destination": "SGP", "arrival": TODAY, "code": "ABTC1:X"}
        asked.request(
            "POST",
            "/api/answers",
            json.dumps(question),
            {"Cookie": cookie, "Origin": here, "Content-Type": "application/json"},
        )
        told = asked.getresponse()
        assert told.status == HTTPStatus.OK
        assert json.load(told)["answer"] == "no_answer"
        assert desk.stdout.readline().startswith(f"{here}/start?key=")
        asked.close()
        desk.send_signal(signal.SIGTERM)
        assert desk.wait(30) == 0
        assert "Traceback" not in desk.stderr.read()


def test_without_the_extra_the_page_says_so_and_a_list_is_answered(
    synced: Path, tmp_path: Path
) -> None:
    """A list needs no browser, and so nothing that serves one."""
    store = ["desk", "--store", str(synced)]
    page = run(WITHOUT + PROGRAM, *store)
    assert (page.returncode, len(page.stderr.splitlines())) == (64, 1)
    assert "abtc[console]" in page.stderr
    table = tmp_path / "list.csv"
    table.write_text(f"reference,destination,date,code\nA,SGP,{TODAY},x\n")
    out = ["--batch", str(table), "--out", str(tmp_path / "out.csv")]
    assert run(WITHOUT + PROGRAM, *store, *out).returncode == 0
    assert "no_answer" in (tmp_path / "out.csv").read_text()
