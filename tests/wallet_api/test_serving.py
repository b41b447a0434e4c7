"""The server as a process of its own: from settings to answers, and its end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import urllib3

from issuer.cli import main as issuer_main
from issuer.commands.connections import PhoneConnection
from issuer.errors import SettingsError
from issuer.installation import Installation, Wallet
from tests.issuer.test_serving import is_hung_up_on
from wallet_api.cli import main
from wallet_api.settings import Settings

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ABTC_KEY_PASSPHRASE", "demonstration")
    folder = tmp_path / "office"
    command = ["init", "--home", str(folder), "--economy", "AUS", "--test"]
    assert issuer_main(command) == 0
    return folder


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def settle(home: Path, port: int) -> None:
    path = home / "office.toml"
    wallet = f'\n[wallet]\nurl = "http://127.0.0.1:{port}"\n'
    path.write_text(path.read_text() + wallet)


@pytest.mark.parametrize("workers", [1, 2])
def test_phones_are_served_until_the_end(home: Path, workers: int) -> None:
    port = free_port()
    settle(home, port)
    command = [sys.executable, "-m", "wallet_api", "serve", "--home", str(home),
               "--port", str(port), "--workers", str(workers)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:  # noqa: S603
        try:
            url = f"http://127.0.0.1:{port}"
            answer = wait_for(f"{url}/.well-known/openid-credential-issuer/AUS")
            assert json.loads(answer.data)["credential_issuer"] == f"{url}/AUS"
            assert len(answer.headers.getlist("Date")) == 1
        finally:
            # As whoever minds services does; a shell's background ignores Ctrl-C.
            os.kill(server.pid, signal.SIGTERM)
        assert server.wait(timeout=20) == 0
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def wait_for(url: str) -> urllib3.BaseHTTPResponse:
    for _ in range(200):
        try:
            answer = urllib3.request("GET", url, retries=False, timeout=10)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.1)
            continue
        if answer.status == 200:
            return answer
    raise AssertionError(url)


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET /time HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"POST /AUS/nonce HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999\r\n\r\n",
        b"",
    ],
)
def test_l6_phones_are_answered_while_others_send_a_byte_now_and_then(
    home: Path, beginning: bytes
) -> None:
    """More of them than the server has connections, all busy all the time."""
    port = free_port()
    settle(home, port)
    command = [sys.executable, "-m", "wallet_api", "serve", "--home", str(home)]
    slow: list[socket.socket] = []
    with subprocess.Popen(  # noqa: S603
        [*command, "--port", str(port)], stdout=subprocess.PIPE
    ) as server:
        try:
            url = f"http://127.0.0.1:{port}/time"
            wait_for(url)
            for _ in range(PhoneConnection.most + 100):
                one = socket.create_connection(("127.0.0.1", port), timeout=10)
                one.sendall(beginning)
                slow.append(one)
                with suppress(OSError):
                    slow[len(slow) // 2].sendall(b"x" if beginning else b"")
            for _ in range(5):
                answer = urllib3.request("GET", url, retries=False, timeout=10)
                assert answer.status == 200
                for one in slow:
                    with suppress(OSError):
                        one.sendall(b"x" if beginning else b"")
            assert all(map(is_hung_up_on, slow[:50]))
        finally:
            for one in slow:
                one.close()
            os.kill(server.pid, signal.SIGTERM)


def test_without_a_wallet_nothing_is_served(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--home", str(home), "--port", str(free_port())]) == 1
    assert "wallet.url" in capsys.readouterr().err


def test_others_are_not_answered_without_https(tmp_path: Path) -> None:
    installation = Installation(folder=tmp_path, wallet=Wallet(url="http://localhost"))
    with pytest.raises(SettingsError, match=r"wallet\.secure"):
        Settings.of(installation, host="0.0.0.0", clock=lambda: pytest.fail("asked"))  # noqa: S104


@pytest.mark.parametrize(
    "wallet",
    [
        'url = "https://wallet.example"',
        'url = "http://wallet.example"\nsecure = true\nhosts = ["wallet.example"]',
        'url = "https://wallet.example/"\nsecure = true\nhosts = ["wallet.example"]',
        'url = "https://wallet.example/a"\nsecure = true\nhosts = ["wallet.example"]',
        'url = "https://other.example"\nsecure = true\nhosts = ["wallet.example"]',
        "proxies = 5",
        "per_address = 0",
        "unknown = 1",
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path: Path, wallet: str) -> None:
    (tmp_path / "office.toml").write_text(f"[wallet]\n{wallet}\n")
    with pytest.raises(SettingsError, match="wallet"):
        Installation.load(tmp_path)
