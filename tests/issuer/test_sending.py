"""A device that sends its log: to a real back office, and to what is none."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from issuer.collecting import MAX_BATCH, CollectorKey, Envelope
from issuer.commands.connections import Connection, make_server
from issuer.installation_key import InstallationKey
from issuer.store import CollectedRow
from tests.databases import Prepared
from tests.issuer.back_office import BackOffice, office_at
from tests.issuer.devices import CODE, GOOD, LOG_KEY, Gate, ask
from tests.issuer.web.front import Front
from verifier import ScanLogError, _fetch, cli, collecting, send_log
from verifier.scan_log import ScanLog

pytestmark = pytest.mark.enable_socket
PATH = "/collect/AUS/scan-log"


class Home:
    """A back office that listens, or not, at one port."""

    def __init__(self, back: BackOffice) -> None:
        self.back = back
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.socket.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    @contextmanager
    def open(self) -> Iterator[None]:
        app = Front.of(self.back).app
        server = make_server(
            app,
            kind=Connection,
            max_body=MAX_BATCH,
            max_headers=2**16,
            proxies=0,
            host="127.0.0.1",
            port=self.port,
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.close()
            thread.join(10)

    def rows(self) -> list[str]:
        query = select(CollectedRow.text).order_by(CollectedRow.seq, CollectedRow.id)
        return self.back.store.read(lambda session: list(session.scalars(query)))


@pytest.fixture
def home(prepared_small: Prepared) -> Home:
    return Home(office_at(prepared_small, hosted=("AUS",)))


@pytest.fixture
def gate(home: Home, tmp_path: Path) -> Gate:
    return Gate.enrolled(home.back, tmp_path / "log")


def send(gate: Gate, url: str, log: ScanLog | None = None) -> Any:
    return send_log(
        log or gate.log, url, collector=gate.collector, device_key=gate.device_key
    )


def texts(gate: Gate) -> list[str]:
    return [row.text.decode() for row in gate.rows()]


def test_o2_the_collector_is_down_then_up(home: Home, gate: Gate) -> None:
    """Nothing counts as collected until it is; then all of it, once."""
    log = gate.scan(3)
    with pytest.raises(ScanLogError, match="the collector takes no connections"):
        send(gate, home.url)
    assert log.status().unsent == 4
    with home.open():
        found = send(gate, home.url)
        assert (found.rows, found.first, found.lost) == (4, 1, 0)
        assert found.head == log.verify().head
        assert send(gate, home.url).rows == 0
        gate.scan(2)
        assert send(gate, home.url).first == 5
    assert (home.rows(), log.status().unsent) == (texts(gate), 0)


def test_o1_batches_go_on_where_the_last_was_kept(
    home: Home, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long log goes in pieces; what is answered counts, whatever comes after."""
    monkeypatch.setattr(collecting, "MAX_ROWS", 4)
    log = gate.scan(10)
    real, left = _fetch.Poster.post, 2

    def post(self: _fetch.Poster, body: bytes) -> tuple[int, bytes]:
        nonlocal left
        left -= 1
        if left < 0:
            raise ScanLogError("the connection was cut")
        return real(self, body)

    with home.open():
        with monkeypatch.context() as patch:
            patch.setattr(_fetch.Poster, "post", post)
            with pytest.raises(ScanLogError, match="was cut"):
                send(gate, home.url)
        assert (log.status().unsent, len(home.rows())) == (3, 8)
        assert send(gate, home.url).first == 9
    assert home.rows() == texts(gate)


def test_a_lost_file_is_made_good_by_sending(
    home: Home, gate: Gate, tmp_path: Path
) -> None:
    """A sealed file that never arrived leaves a gap, and the device fills it."""
    gate.scan(3)
    collecting.seal_log(
        gate.log,
        str(tmp_path / "lost"),
        collector=gate.collector,
        device_key=gate.device_key,
    )
    gate.scan(2)
    with home.open():
        assert send(gate, home.url).first == 5
    assert home.rows() == texts(gate)
    found = ask(home.back, "device.show", device=gate.number)
    assert (found.findings, [f.kind for f in found.found]) == (0, ["gap"])
    assert gate.log.status().unsent == 0


KILLED = """
import os, signal, sys
from pathlib import Path
from verifier import Collector, DeviceKey, ScanLog, _fetch, collecting, send_log
from verifier import scan_log

place, url, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
collecting.MAX_ROWS = 3
step = 0

def deadly(act):
    def call(*given, **options):
        global step
        for is_after in (False, True):
            if step == place:
                os.kill(os.getpid(), signal.SIGKILL)
            step += 1
            if not is_after:
                found = act(*given, **options)
        return found
    return call

_fetch.Poster.post = deadly(_fetch.Poster.post)
scan_log.ScanLog._write_whole = deadly(scan_log.ScanLog._write_whole)
log = ScanLog(folder / "log", key=bytes.fromhex((folder / "key").read_text()))
collector = Collector.parse((folder / "collector.json").read_bytes())
key = DeviceKey(bytes.fromhex((folder / "device.key").read_text()))
send_log(log, url, collector=collector, device_key=key)
"""


def test_o1_killed_at_every_step(home: Home, tmp_path: Path) -> None:
    """Before and after each batch, and each mark: later all is there, once."""
    secret = collecting.DeviceKey.make()
    gate = Gate.enrolled(home.back, tmp_path / "log")
    gate.device_key = collecting.DeviceKey(secret)
    made = ask(
        home.back, "device.enrol", name="G", public_key=gate.device_key.public
    ).collector
    gate.collector = collecting.Collector.parse(made.model_dump_json().encode())
    (tmp_path / "collector.json").write_text(made.model_dump_json())
    (tmp_path / "device.key").write_text(secret.hex())
    (tmp_path / "key").write_text(LOG_KEY.hex())
    with home.open():
        for place in (0, 1, 2, 3, 6):
            gate.scan(5)
            status = _killed_at(place, home.url, tmp_path)
            assert status == -signal.SIGKILL
        gate.scan(1)
        send(gate, home.url)
    assert home.rows() == texts(gate)
    assert ask(home.back, "device.show", device=gate.number).findings == 0
    assert gate.log.verify().bad is None


def _killed_at(place: int, url: str, folder: Path) -> int:
    done = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", KILLED, str(place), url, str(folder)],
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    return done.returncode


# What is no collector


@contextmanager
def answering(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, data = answer(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


PROOF = {"proof": "a" * 64, "missing": [[1, 2]]}


@pytest.mark.parametrize(
    ("status", "data", "said"),
    [
        (200, b"{}", "does not show"),
        (200, json.dumps(PROOF).encode(), "does not show"),
        (200, b'{"proof":7}', "does not show"),
        (200, b"<html>welcome</html>", "no collector is there: answer 200"),
        (200, b"", "no collector is there"),
        (200, b'{"proof":"' + b"a" * 2**17, "no collector is there"),
        (301, b"", "no collector is there: answer 301"),
        (404, b"not here", "no collector is there: answer 404"),
        (409, b'{"code":"device.retired"}', "refuses: device.retired"),
        (409, b'{"code":"\\u001b[2J"}', "refuses: answer 409"),
        (503, b'{"code":"store.down"}', "refuses: store.down"),
    ],
)
def test_d4_an_answer_that_proves_nothing(
    gate: Gate, status: int, data: bytes, said: str
) -> None:
    """Whoever answers: nothing counts as collected that the collector did not open."""
    log = gate.scan(2)
    with (
        answering(lambda _: (status, data)) as url,
        pytest.raises(ScanLogError, match=said),
    ):
        send(gate, url)
    assert log.status().unsent == 3


def test_w4_a_proof_is_for_one_batch(home: Home, gate: Gate) -> None:
    """An old answer, played again by whoever is between, answers no new batch."""
    kept: list[bytes] = []
    key = CollectorKey.of(
        InstallationKey.load(home.back.office.installation.web_key), "AUS"
    )

    def once_rightly(body: bytes) -> tuple[int, bytes]:
        batch = Envelope.read(body).open(key)
        kept.append(json.dumps({"proof": batch.proof("AUS", gate.number)}).encode())
        return 200, kept[0]

    log = gate.scan(2)
    with answering(once_rightly) as url:
        assert send(gate, url).rows == 3
        gate.scan(1)
        with pytest.raises(ScanLogError, match="does not show"):
            send(gate, url)
    assert log.status().unsent == 1


def test_d4_a_collector_that_dawdles(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that comes byte by byte is given up, in one line."""
    monkeypatch.setattr(_fetch, "MAX_SECONDS", 0.3)
    log = gate.scan(1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        is_over = threading.Event()

        def dawdle() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(2**16)
                while not is_over.wait(0.02):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=dawdle)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        try:
            with pytest.raises(ScanLogError, match=r"took longer|does not answer"):
                send(gate, url)
        finally:
            is_over.set()
            thread.join()
    assert log.status().unsent == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://collector.example/",
        "ftp://x/",
        "https://",
        "https://a@b/",
        "https://a/?x",
    ],
)
def test_addresses_that_nothing_is_sent_to(gate: Gate, url: str) -> None:
    """Over https only, but for this machine."""
    gate.scan(1)
    with pytest.raises(ScanLogError, match="a collector's address"):
        send(gate, url)


# The command line


@pytest.fixture
def device(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:  # fmt: skip
    """A folder with keys, a log and the collector's file, where commands are run."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["log", "key", "key"]) == 0
    capsys.readouterr()
    assert cli.main(["log", "device-key", "device.key", "--json"]) == 0
    public = json.loads(capsys.readouterr().out)["public_key"]
    made = ask(home.back, "device.enrol", name="Gate", public_key=public)
    (tmp_path / "collector.json").write_text(made.collector.model_dump_json())
    log = ScanLog("log", key=bytes.fromhex((tmp_path / "key").read_text()))
    log.record(GOOD)
    return tmp_path


LOG = ("--log", "log", "--log-key", "key", "--device-key", "device.key")


def test_the_commands(
    home: Home, device: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Offline is one line and later again; then sent, and sealed for carrying."""
    sending = ["log", "send", *LOG, "--collector", "collector.json", "--to", home.url]
    assert cli.main(sending) == cli.BAD_INPUT
    out, err = capsys.readouterr()
    assert (out, err) == ("", "abtc-verify: the collector takes no connections\n")
    with home.open():
        assert cli.main([*sending, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["rows"] == 2
        assert cli.main(sending) == 0
        assert capsys.readouterr().out.startswith("nothing new, head 2:")
    ScanLog("log", key=bytes.fromhex((device / "key").read_text())).record(GOOD)
    sealing = ["log", "seal", *LOG, "--to", "collector.json", "--out", "sealed"]
    assert cli.main(sealing) == 0
    assert capsys.readouterr().out.startswith("1 rows, head 3:")
    assert CODE.encode() not in (device / "sealed").read_bytes()
    assert b"lane.open" not in (device / "sealed").read_bytes()
    assert cli.main(sealing) == cli.BAD_INPUT
    assert "exists" in capsys.readouterr().err


def test_o7_the_keys_are_for_their_owner(device: Path) -> None:
    for name in ("key", "device.key"):
        assert os.stat(device / name).st_mode & 0o77 == 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("collector.json", "{}", "collector.json: not the file of a collector"),
        ("collector.json", "x", "collector.json: "),
        ("device.key", "00", "device.key is no key of a device"),
        ("device.key", "secret", "device.key is no key of a device"),
    ],
)
def test_files_that_are_none(
    device: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, said: str
) -> None:
    (device / name).write_text(content)
    given = ["--to", "collector.json", "--out", "sealed"]
    assert cli.main(["log", "seal", *LOG, *given]) == cli.BAD_INPUT
    err = capsys.readouterr().err
    assert err.startswith(f"abtc-verify: {said}")
    assert len(err.splitlines()) == 1
    assert not (device / "sealed").exists()
