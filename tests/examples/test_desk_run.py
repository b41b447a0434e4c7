"""A desk as it is run: two commands, a trust store, and a phone on the command line."""

import html
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3

import verifier
from examples.desk.__main__ import main as desk_main
from examples.stage import Holder, Table
from issuer.jws import new_private_key
from tests.examples.desk_scene import passport
from tests.wallet_api.test_serving import free_port
from wallet_api.cli import main as wallet_main
from wallet_api.config import VARIABLE
from wallet_api.holder import Phone
from wallet_api.holder_client import Holder as Wallet
from wallet_api.holder_file import write_wallet

pytestmark = pytest.mark.enable_socket
# Commands read the clock, so what they read is dated by it.
NOW = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251
HOUR = timedelta(hours=1)
JANE = Holder(
    issuer="AUS",
    family_name="CITIZEN",
    given_name="JANE MARY",
    birthdate=date(1980, 2, 29),
    sex="F",
    nationality="AUS",
    passport_country="AUS",
    passport_number="PA1234567",
    passport_expires_on=date(2034, 7, 1),
    economies=("SGP",),
)


@pytest.fixture
def wallet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trust store in the folder ``store``, and a wallet with a card that it knows."""
    monkeypatch.setenv(VARIABLE, "correct horse")
    table, key = Table(tmp_path, ["AUS", "SGP"], NOW - HOUR), new_private_key()
    credential = table.issue(JANE, "app", Phone(key), at=NOW - HOUR)
    table.open_repository(NOW - HOUR)
    table.publish(NOW - HOUR)
    store = verifier.TrustStore(tmp_path / "store")
    root = (table.public / "metadata" / "1.root.json").read_bytes()
    store.sync(table.bundle("SGP"), root=root, now=NOW)
    holder = Wallet(
        issuer="https://abtc.example/AUS",
        configuration="AbtcCard",
        endpoints={},
        holder_key=key,
        card=credential.text,
    )
    path = tmp_path / "wallet.json"
    write_wallet(path, holder.to_json(), passphrase=b"correct horse")
    return path


@pytest.fixture
def counter(wallet: Path) -> Iterator[str]:
    """The address of the counter's page."""
    folder, (port, counter_port) = wallet.parent, (free_port(), free_port())
    assert desk_main(["trial", str(folder / "desk")]) == 0
    command = [sys.executable, "-m", "examples.desk", "serve",
               "--identity", str(folder / "desk"), "--store", str(folder / "store"),
               "--url", f"http://127.0.0.1:{port}", "--to", "SGP=Asia/Singapore",
               "--port", str(port), "--counter-port", str(counter_port)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE) as desk:  # noqa: S603
        try:
            url = f"http://127.0.0.1:{counter_port}"
            wait_for(url)
            yield url
        finally:
            os.kill(desk.pid, signal.SIGTERM)
        assert desk.wait(timeout=30) == 0


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib3.request("GET", url, retries=False)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"{url} does not answer")


def test_a_desk_asks_and_a_phone_answers(
    wallet: Path, counter: str, capsys: pytest.CaptureFixture[str]
) -> None:
    form = {"destination": "SGP", "passport": passport()}
    asked = urllib3.request(
        "POST", counter, body=urlencode(form), redirect=False,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    page = f"{counter}{asked.headers['Location']}"
    waiting = urllib3.request("GET", page).data.decode()
    found = re.search(r'href="(openid4vp:[^"]*)"', waiting)
    assert found
    root = wallet.parent / "desk" / "root.pem"
    command = ["present", "--file", str(wallet), "--root", str(root), "--yes"]
    assert wallet_main([*command, html.unescape(found[1])]) == 0
    assert "Example Air asks for" in capsys.readouterr().out
    answered = urllib3.request("GET", page).data.decode()
    assert "ABTC gives an entry basis for Singapore for this passport." in answered
    assert "CITIZEN, JANE MARY" in answered
