"""``abtc-issuer serve`` and ``user``, as somebody at the machine uses them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import update
from waitress.adjustments import Adjustments

from issuer import cli
from issuer.commands.connections import LONGEST, Connection
from issuer.commands.serving import open_app
from issuer.errors import Conflict, KeyFileError, SchemaError, SettingsError
from issuer.installation import Installation
from issuer.store import HostedEconomy, Store
from tests.databases import Prepared
from tests.issuer.back_office import office_at
from tests.simulator import NOW


@pytest.fixture
def home(tmp_path: Path, prepared_small: Prepared) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "office.toml").write_text("")
    office_at(prepared_small)
    (tmp_path / "abtc.sqlite3").rename(folder / "abtc.sqlite3")
    return folder


def run(*arguments: object) -> int:
    return cli.main([str(each) for each in arguments])


def user(home: Path, *arguments: object) -> int:
    more = ("--home", home, "--economy", "AUS", "--reason", "a test", "--json")
    return run("user", *arguments, *more)


def test_accounts_from_the_machine(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert user(home, "create", "first", "--name", "First Admin") == 0
    made = json.loads(capsys.readouterr().out)
    assert len(made["code"]) == 27
    assert user(home, "role", "give", "first", "admin") == 0
    given = json.loads(capsys.readouterr().out)
    assert (given["roles"], given["waiting_roles"]) == ([], ["admin"])
    assert user(home, "confirm", "first") == 1
    assert "account.second_person" in json.loads(capsys.readouterr().out)["error"]
    assert user(home, "role", "take", "first", "admin") == 0
    assert json.loads(capsys.readouterr().out)["waiting_roles"] == []
    assert user(home, "reset", "first") == 0
    assert json.loads(capsys.readouterr().out)["code"] != made["code"]
    assert user(home, "create", "robot", "--name", "Robot", "--program") == 0
    capsys.readouterr()
    assert user(home, "api-key", "robot", "--label", "night job") == 0
    assert json.loads(capsys.readouterr().out)["secret"].startswith("abtc_")
    assert user(home, "close", "robot") == 0
    capsys.readouterr()
    assert user(home, "list") == 0
    shown = json.loads(capsys.readouterr().out)["accounts"]
    assert [each["login"] for each in shown][-1] == "first"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("close", "nobody"), "there is no account nobody of AUS"),
        (("create", "UPPER", "--name", "x"), "login"),
        (("close", "system-aus"), "account.system"),
    ],
)
def test_a_wrong_argument_is_one_line(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert user(home, *arguments) == 1
    assert message in json.loads(capsys.readouterr().out)["error"]


def test_an_economy_that_is_not_hosted(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--home", home, "--economy", "PER", "--reason", "x")
    assert run("user", "list", *given) == 1
    assert "no back office of PER" in capsys.readouterr().err


def test_people_read_lines(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--home", home, "--economy", "AUS", "--reason", "x")
    assert run("user", "list", *given) == 0
    assert "login=ann-aus" in capsys.readouterr().out


def start(home: Path, host: str = "127.0.0.1") -> None:
    app = open_app(home, host=host, port=8321)
    app.extensions["abtc"].office.store.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::"])  # noqa: S104
def test_other_machines_need_https(home: Path, host: str) -> None:
    with pytest.raises(SettingsError, match=r"web\.secure"):
        start(home, host)
    (home / "office.toml").write_text(
        '[web]\nsecure = true\nhosts = ["abtc.example"]\norigin = "https://abtc.example"'
    )
    start(home, host)


@pytest.mark.parametrize(
    "origin",
    ["http://abtc.example", "https://evil.example", "https://abtc.example/", "x"],
)
def test_a_secure_office_needs_its_own_origin(home: Path, origin: str) -> None:
    (home / "office.toml").write_text(
        f'[web]\nsecure = true\nhosts = ["abtc.example"]\norigin = "{origin}"'
    )
    with pytest.raises(SettingsError, match=r"web\.origin"):
        start(home)


def test_r7_a_key_that_others_can_read_is_refused(home: Path) -> None:
    start(home)
    key = Installation.load(home).web_key
    assert key.stat().st_mode & 0o777 == 0o600
    first = key.read_bytes()
    start(home)
    assert key.read_bytes() == first
    key.chmod(0o640)
    with pytest.raises(KeyFileError, match="mode 0640"):
        start(home)
    key.chmod(0o600)
    (home / "keys").mkdir()
    signing = home / "keys" / "aus.card.pem"
    signing.write_text("x")
    signing.chmod(0o644)
    with pytest.raises(KeyFileError, match="mode 0644"):
        start(home)


def test_r7_a_damaged_key_is_refused(home: Path) -> None:
    start(home)
    Installation.load(home).web_key.write_bytes(b"short")
    with pytest.raises(KeyFileError, match="32 bytes"):
        start(home)


def test_r6_another_shape_is_refused(home: Path) -> None:
    (home / "abtc.sqlite3").unlink()
    with pytest.raises(SchemaError):
        start(home)


@pytest.mark.enable_socket
def test_it_serves_until_it_is_told_to_end(home: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "issuer", "serve", "--home", str(home)]
    with subprocess.Popen(  # noqa: S603
        [*command, "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert _status("localhost", port) == 200
            assert _status("evil.example", port) == 400
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.stdout is not None
        assert f"http://localhost:{port}" in server.stdout.read()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _status(host: str, port: int) -> int:
    ends = datetime.now(UTC) + timedelta(seconds=90)  # noqa: TID251  # a real process
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/sign-in", headers={"Host": host})
            return connection.getresponse().status
        except ConnectionRefusedError:
            assert datetime.now(UTC) < ends  # noqa: TID251
            time.sleep(0.1)
        finally:
            connection.close()


def test_i2_a_demonstration_is_of_test_economies_and_this_machine_only(
    home: Path,
) -> None:
    with pytest.raises(Conflict, match=r"demonstration\.real"):
        open_app(home, host="127.0.0.1", port=8321, is_demonstration=True)
    _make_test_economies(home)
    with pytest.raises(SettingsError, match=r"web\.secure"):
        open_app(home, host="0.0.0.0", port=8321, is_demonstration=True)  # noqa: S104
    app = open_app(home, host="127.0.0.1", port=8321, is_demonstration=True)
    page = app.test_client().get("/demonstration", headers={"Host": "localhost"})
    assert "ann-aus" in page.text
    app.extensions["abtc"].office.store.close()


def test_without_the_switch_there_is_no_demonstration(home: Path) -> None:
    _make_test_economies(home)
    app = open_app(home, host="127.0.0.1", port=8321)
    page = app.test_client().get("/demonstration", headers={"Host": "localhost"})
    assert page.status_code == 404
    app.extensions["abtc"].office.store.close()


def _make_test_economies(home: Path) -> None:
    store = Store.open(Installation.load(home).database_url)
    all_of_them = update(HostedEconomy).values(is_test=True)
    store.write(lambda session: session.execute(all_of_them), now=NOW)
    store.close()


PRIVATE = 0o077


@pytest.mark.enable_socket
def test_r7_whatever_the_umask_is_what_is_made_is_its_owners(tmp_path: Path) -> None:
    """Travellers' data and keys in files that everybody on the machine could read."""
    home = tmp_path / "home"
    given = {**os.environ, "ABTC_KEY_PASSPHRASE": "wide blue yonder"}  # noqa: TID251
    for arguments in (
        ("init", "--economy", "SGP", "--keys"),
        ("backup", "make", str(tmp_path / "backup.tar.gz")),
        ("audit", "head", "--keep"),
    ):
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "issuer", *arguments, "--home", str(home)],
            umask=0, env=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    made = [*home.rglob("*"), home, tmp_path / "backup.tar.gz"]
    assert home / "abtc.sqlite3" in made
    assert [each for each in made if each.stat().st_mode & PRIVATE] == []


def test_r7_what_was_open_to_others_is_closed_at_the_start_and_said(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = home / "outside"
    outside.mkdir(mode=0o755)
    (outside / "issued.jsonl").touch(mode=0o644)
    opened = [home / "abtc.sqlite3", outside, outside / "issued.jsonl"]
    opened[0].chmod(0o666)
    home.chmod(0o777)
    start(home)
    said = capsys.readouterr().err
    for each in opened:
        assert not each.stat().st_mode & PRIVATE
        assert f"{each} was open to others" in said
    assert home.stat().st_mode & 0o777 == 0o755
    start(home)
    assert capsys.readouterr().err == ""


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "beginning",
    [
        b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n",
        b"",
    ],
)
def test_l6_clients_that_send_a_byte_now_and_then_block_nobody(
    home: Path, beginning: bytes
) -> None:
    """More of them than the server has connections, all busy all the time."""
    port = free_port()
    command = [sys.executable, "-m", "issuer", "serve", "--home", str(home)]
    slow: list[socket.socket] = []
    with subprocess.Popen(  # noqa: S603
        [*command, "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert _status("localhost", port) == 200
            for _ in range(Connection.most + 100):
                one = socket.create_connection(("127.0.0.1", port), timeout=10)
                one.sendall(beginning)
                slow.append(one)
                with suppress(OSError):
                    slow[len(slow) // 2].sendall(b"x" if beginning else b"")
            for _ in range(5):
                assert _status("localhost", port) == 200
                for one in slow:
                    with suppress(OSError):
                        one.sendall(b"x" if beginning else b"")
            assert all(map(is_hung_up_on, slow[:50]))
        finally:
            for one in slow:
                one.close()
            server.send_signal(signal.SIGTERM)


def is_hung_up_on(one: socket.socket) -> bool:
    try:
        return one.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.enable_socket
def test_l6_a_request_that_takes_too_long_is_hung_up_on() -> None:
    """However busily it is sent, byte by byte."""
    near, far = socket.socketpair()
    adjustments = Adjustments()
    server = SimpleNamespace(active_channels={}, add_task=lambda _: None)
    channel = Connection(server, near, ("127.0.0.1", 1), adjustments, map={})
    begun = channel.last_activity
    for seconds in (0.0, 30.0, LONGEST - 1):
        channel.last_activity = begun + seconds
        channel.received(b"G")
        assert not channel.will_close
    channel.last_activity = begun + LONGEST + 1
    channel.received(b"G")
    assert channel.will_close
    near.close()
    far.close()
