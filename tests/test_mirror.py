"""A mirror as it is run in the field, and mirrors as an attacker would run them."""

import gzip
import re
import socketserver
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from socket import SHUT_RDWR, create_connection, socket
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import verifier
from tests.components import needs, path_of
from tests.issuer.repository_reader import Desk, list_of
from tests.simulator import INDEX, NOW, World
from verifier import _fetch, cli

pytestmark = pytest.mark.enable_socket
WORLD = World(economies=["AUS", "SGP"])
CODE = WORLD.show(WORLD.card())
FILE = Path(__file__).parents[1] / "docs/operations/mirror.nginx.conf"
MINUTE = timedelta(minutes=1)


class Device:
    """An officer's device of Singapore, and what is published for it."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder).open("AUS", "SGP", now=NOW - 30 * MINUTE)
        self.root = folder / "1.root.json"
        self.root.write_bytes((self.public / "metadata/1.root.json").read_bytes())
        self.folder = folder / "store"
        self.store = verifier.TrustStore(self.folder)

    @property
    def public(self) -> Path:
        return self.desk.public

    def sync(self, source: str | Path) -> verifier.SyncReport:
        root = self.root.read_bytes()
        return self.store.sync(source, root=root, now=NOW, economy="SGP")

    def command(self, source: str) -> int:
        given = {"--store": self.folder, "--from": source, "--root": self.root}
        given |= {"--economy": "SGP", "--now": NOW.isoformat()}
        options = [str(each) for pair in given.items() for each in pair]
        return cli.main(["sync", *options])

    def publish_revocation(self) -> None:
        world, at = World(economies=["AUS"]), NOW - 20 * MINUTE
        world.set_status(1)
        name = "AUS/status/1.jwt"
        new = self.desk.documents("AUS") | {name: world.list_token(name, iat=at)}
        self.desk.publish("AUS", new, now=at)

    def publish_long_list(self, state: int, at: datetime) -> None:
        """A list for which a delta pays, with this state of the card."""
        states = {each * each % 2**14: 2 for each in range(500)} | {INDEX: state}
        new = {"AUS/status/1.jwt": list_of(states, iat=at, capacity=2**14)}
        self.desk.publish("AUS", self.desk.documents("AUS") | new, now=at)

    def reason(self) -> str:
        found = WORLD.verify(CODE, trust=self.store.load())
        if isinstance(found, verifier.Accepted):
            return "accepted"
        return found.reason.value


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


# The documented nginx


class Authority:
    """A private authority, and a certificate of it for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.file = folder / "authority.pem"
        self.chain = folder / "fullchain.pem"
        self.key = folder / "key.pem"
        signer, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        top = _certificate("Authority", signer, "Authority", signer, [])
        own = [x509.IPAddress(ip_address("127.0.0.1"))]
        leaf = _certificate("Mirror", key, "Authority", signer, own)
        pem = serialization.Encoding.PEM
        self.file.write_bytes(top.public_bytes(pem))
        self.chain.write_bytes(leaf.public_bytes(pem))
        self.key.write_bytes(
            key.private_bytes(
                pem,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer_name: str,
    signer: ec.EllipticCurvePrivateKey,
    own: Sequence[x509.GeneralName],
) -> x509.Certificate:
    is_top = not own
    built = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(signer_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1))  # noqa: DTZ001  # as it wants it
        .not_valid_after(datetime(2049, 1, 1))  # noqa: DTZ001  # likewise
        .add_extension(x509.BasicConstraints(is_top, None), critical=True)
    )
    if own:
        built = built.add_extension(x509.SubjectAlternativeName(own), critical=False)
    return built.sign(signer, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Logged(NamedTuple):
    """A line of the access log, all of it."""

    moment: str
    connection: str
    method: str
    uri: str
    status: int
    sent: int


class Nginx:
    """The documented file with other places in it, in front of a public folder."""

    def __init__(self, folder: Path, public: Path, authority: Authority) -> None:
        folder.mkdir()
        self.port = _free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self._log = folder / "access.log"
        self._context = ssl.create_default_context(cafile=authority.file)
        text = FILE.read_text()
        for ours, theirs in {
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            "listen [::]:443 ssl;": "",
            "/etc/ssl/abtc-mirror/fullchain.pem": str(authority.chain),
            "/etc/ssl/abtc-mirror/key.pem": str(authority.key),
            "root /srv/abtc/public;": f"root {public};",
            "/var/log/nginx/abtc-mirror.log": str(self._log),
        }.items():
            assert text.count(ours) == 1
            text = text.replace(ours, theirs)
        (folder / "mirror.conf").write_text(text)
        temporary = "\n".join(
            f"{each}_temp_path {folder}/{each};"
            for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        self.file = folder / "nginx.conf"
        self.file.write_text(
            f"daemon off; master_process off; pid {folder}/pid;\n"
            f"error_log {folder}/error.log;\nevents {{}}\n"
            f"http {{ {temporary}\ninclude {folder}/mirror.conf; }}\n"
        )

    @contextmanager
    def running(self) -> Iterator["Nginx"]:
        with subprocess.Popen(  # noqa: S603  # the component
            [path_of("nginx"), "-p", self.file.parent, "-c", self.file],
            stderr=subprocess.PIPE,
        ) as process:
            try:
                self._wait(process)
                yield self
            finally:
                process.terminate()

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        for _ in range(500):
            try:
                create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            else:
                return
        raise AssertionError("nginx does not start")

    def ask(self, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
        connection = HTTPSConnection(
            "127.0.0.1", self.port, context=self._context, timeout=10
        )
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        return answer

    def logged(self, count: int) -> list[Logged]:
        """So many lines: nginx writes them after it has answered."""
        rows: list[list[str]] = []
        for _ in range(500):
            rows = [line.split() for line in self._log.read_text().splitlines()]
            if len(rows) >= count:
                break
            time.sleep(0.01)
        assert len(rows) == count
        return [
            Logged(moment, connection, method, uri, int(status), int(sent))
            for moment, connection, method, uri, status, sent in rows
        ]


def _free_port() -> int:
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def nginx(
    tmp_path: Path, device: Device, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Nginx]:
    authority = Authority(tmp_path / "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with Nginx(tmp_path / "nginx", device.public, authority).running() as server:
        yield server


@needs("nginx")
def test_the_documented_mirror(device: Device, nginx: Nginx) -> None:
    """A device fills its store, and follows, over one connection for each sync."""
    report = device.sync(nginx.url)
    assert report.problems == ()
    first = nginx.logged(report.requests)
    assert len(first) > 10
    assert len({each.connection for each in first}) == 1
    assert device.reason() == "accepted"
    device.publish_revocation()
    assert device.sync(nginx.url).documents_changed == 1
    assert device.reason() == "status.revoked"


@needs("nginx")
def test_an_up_to_date_device_asks_twice(device: Device, nginx: Nginx) -> None:
    """Next root and timestamp: two requests on one connection, less than 2 kB."""
    before = device.sync(nginx.url).requests
    report = device.sync(nginx.url)
    asked = nginx.logged(before + report.requests)[before:]
    assert [(each.uri, each.status) for each in asked] == [
        ("/metadata/2.root.json", 404),
        ("/metadata/timestamp.json", 200),
    ]
    assert len({each.connection for each in asked}) == 1
    assert report.requests == 2
    assert report.received == sum(each.sent for each in asked) < 2000


@needs("nginx")
def test_what_the_mirror_lets_others_remember(device: Device, nginx: Nginx) -> None:
    """Nothing between mirror and device may hold back news, and all else keeps well."""
    stays = {"/metadata/1.root.json", *_published(device)}
    assert len(stays) > 10
    for path in stays:
        answer = nginx.ask(path)
        assert answer.getheader("Cache-Control", "").endswith("immutable"), path
    for path in ("timestamp.json", "2.root.json", "99.snapshot.json"):
        answer = nginx.ask(f"/metadata/{path}")
        assert answer.getheader("Cache-Control") == "no-store", path
        assert answer.getheader("ETag") is None


def _published(device: Device) -> set[str]:
    paths = {f"/{name}" for name in device.desk.files()}
    return {path for path in paths if not path.endswith("/timestamp.json")}


@needs("nginx")
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/metadata",
        "/metadata/",
        "/targets/AUS/",
        "/metadata/.timestamp.json.tmp",
        "/.hidden/file.json",
        "/metadata/../metadata/../../keys/journal.jsonl",
        "/metadata/%2e%2e/%2e%2e/keys/journal.jsonl",
        "/metadata/..%2f..%2fkeys/journal.jsonl",
        "/metadata/link.json",
        "/other/file.json",
        "/file.json",
        "/metadata/1.root.json%00.json",
    ],
)
def test_d11_what_the_mirror_does_not_show(
    device: Device, nginx: Nginx, path: str
) -> None:
    """No listing, no hidden or half-written file, no link, nothing but the data."""
    half_written = device.public / "metadata/.timestamp.json.tmp"
    half_written.write_bytes(b"{}")
    for name in (".hidden", "other"):
        (device.public / name).mkdir()
        (device.public / name / "file.json").write_bytes(b"{}")
    (device.public / "file.json").write_bytes(b"{}")
    (device.public / "metadata/link.json").symlink_to(device.root)
    assert nginx.ask(path).status in {400, 403, 404}


@needs("nginx")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_w12_the_mirror_is_read_only(nginx: Nginx, method: str) -> None:
    """Only reading is answered."""
    assert nginx.ask("/metadata/timestamp.json", method).status in {403, 405}
    assert nginx.ask("/metadata/timestamp.json", "HEAD").status == 200


@needs("nginx")
def test_the_mirror_compresses_for_who_asks(device: Device, nginx: Nginx) -> None:
    """Metadata and lists are sent in gzip to whom wants it, and as whole files."""
    for path in _published(device) | {"/metadata/timestamp.json"}:
        size = (device.public / path[1:]).stat().st_size
        plain = nginx.ask(path, Range="bytes=0-9")
        assert (plain.status, plain.getheader("Content-Encoding")) == (200, None)
        assert int(plain.getheader("Content-Length", "")) == size
        packed = nginx.ask(path, **{"Accept-Encoding": "gzip", "Range": "bytes=0-9"})
        assert packed.status == 200
        expected = "gzip" if size >= 256 else None
        assert packed.getheader("Content-Encoding") == expected, path
        assert packed.getheader("Server") == "nginx"


@needs("nginx")
def test_a_device_fetches_compressed(device: Device, nginx: Nginx) -> None:
    """Fewer bytes come over the wire than the files have that are verified."""
    report = device.sync(nginx.url)
    assert device.reason() == "accepted"
    asked = nginx.logged(report.requests)
    files = [device.public / each.uri[1:] for each in asked if each.status == 200]
    sizes = [file.stat().st_size for file in files]
    assert len(sizes) > 10
    assert report.received == sum(each.sent for each in asked)
    assert report.received - 400 * len(asked) < 0.7 * sum(sizes)


@needs("nginx")
def test_a_device_follows_the_mirror_by_deltas(device: Device, nginx: Nginx) -> None:
    """A list of which the device has an older one comes in a few hundred bytes."""
    requests = []
    for minutes, state in ((20, 0), (10, 1)):
        device.publish_long_list(state, NOW - minutes * MINUTE)
        requests.append(device.sync(nginx.url).requests)
        assert device.reason() == ("status.revoked" if state else "accepted")
    asked = nginx.logged(sum(requests))[-requests[-1] :]
    (delta,) = [each for each in asked if "/targets/" in each.uri]
    assert (delta.status, delta.sent < 700) == (200, True)
    assert ".from-" in delta.uri
    answer = nginx.ask(delta.uri)
    assert answer.getheader("Content-Type") == "application/json"
    assert answer.getheader("Cache-Control", "").endswith("immutable")


@needs("nginx")
def test_the_log_says_nothing_of_devices(nginx: Nginx) -> None:
    """Neither address nor query nor header of a device is written down."""
    nginx.ask("/metadata/timestamp.json?post=7", **{"User-Agent": "gate-12"})
    (line,) = nginx.logged(1)
    assert line.uri == "/metadata/timestamp.json"
    assert not re.search(r"127\.0\.0\.1|post|gate", " ".join(map(str, line)))


@needs("nginx")
def test_an_authority_that_is_not_ours(
    tmp_path: Path,
    device: Device,
    nginx: Nginx,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A certificate of another authority, or for another name, is refused."""
    device.sync(nginx.url)
    assert device.command(f"https://localhost:{nginx.port}") == 1
    assert "certificate is not trusted: Hostname" in _only_line(capsys)
    other = Authority(tmp_path / "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.file))
    assert device.command(nginx.url) == 1
    assert "certificate is not trusted" in _only_line(capsys)
    assert device.reason() == "accepted"


@needs("nginx")
def test_plain_http_where_tls_is_spoken(device: Device, nginx: Nginx) -> None:
    """A mirror is not asked without TLS."""
    with pytest.raises(verifier.SyncError, match="answer 400"):
        device.sync(f"http://127.0.0.1:{nginx.port}")


# Mirrors that misbehave

Behaviour = Callable[[socket, bytes], None]
"""What is sent instead of the file of these bytes."""
HEAD = b"HTTP/1.1 200 OK\r\n"


class Mirror(socketserver.ThreadingTCPServer):
    """Serves a folder, but for one file, for which it misbehaves."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder: Path, bad: str, behave: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Handler, self))
        self.folder = folder
        self.bad = re.compile(bad)
        self.behave = behave
        self.asked: list[str] = []
        self.connections = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator["Mirror"]:
        thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


class _Handler(socketserver.StreamRequestHandler):
    def __init__(self, mirror: Mirror, *args: Any) -> None:
        self.mirror = mirror
        super().__init__(*args)

    def handle(self) -> None:
        self.mirror.connections += 1
        while line := self.rfile.readline():
            path = line.split()[1].decode()
            while self.rfile.readline().strip():
                pass
            self.mirror.asked.append(path)
            file = self.mirror.folder / path.lstrip("/")
            data = file.read_bytes() if file.is_file() else None
            if self.mirror.bad.search(path):
                try:
                    self.mirror.behave(self.request, data or b"")
                    self.request.shutdown(SHUT_RDWR)
                except OSError:
                    pass  # the device has had enough
                return
            self.wfile.write(_answer(data))


def _answer(data: bytes | None) -> bytes:
    if data is None:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot found"
    return b"%sContent-Length: %d\r\n\r\n%s" % (HEAD, len(data), data)


def says(*parts: bytes) -> Behaviour:
    """Send these bytes and close."""
    return lambda sock, _: sock.sendall(b"".join(parts))


def goes_on(start: bytes, again: bytes, *, every: float = 0) -> Behaviour:
    """Send for ever."""

    def behave(sock: socket, _: bytes) -> None:
        sock.sendall(start)
        while True:
            sock.sendall(again)
            time.sleep(every)

    return behave


def is_silent(sock: socket, _: bytes) -> None:
    sock.recv(1)


def encoded(
    change: Callable[[bytes], bytes] = bytes, encoding: bytes = b"gzip"
) -> Behaviour:
    """Send the file in gzip, with that changed."""

    def behave(sock: socket, data: bytes) -> None:
        packed = change(gzip.compress(data))
        head = b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n"
        sock.sendall(HEAD + head % (encoding, len(packed)) + packed)

    return behave


def _cut(sock: socket, data: bytes) -> None:
    sock.sendall(_answer(data)[:-9])


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIPPED = HEAD + b"Content-Encoding: gzip\r\n\r\n"
BOMB_START = b"\x1f\x8b\x08" + bytes(7)
NAMED = b"\x1f\x8b\x08\x08" + bytes(6)
"""The beginning of a gzip stream, without and with a file name to come."""
EMPTY_BLOCK = b"\0\0\0\xff\xff" * 800
BOMB = gzip.compress(bytes(16 * 2**20))
"""16 MiB in 16 kB."""


def _bomb_block() -> bytes:
    stream = zlib.compressobj(9, wbits=-15)
    return stream.compress(bytes(2**20)) + stream.flush(zlib.Z_FULL_FLUSH)


BOMB_BLOCK = _bomb_block()
"""1 MiB in 1 kB, and may be said again."""
BEHAVIOURS: dict[str, tuple[Behaviour, str]] = {
    "redirect": (
        says(
            b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
        ),
        "answer 302, and redirects are not followed",
    ),
    "500": (says(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), "answer 500"),
    "503": (says(b"HTTP/1.1 503 Oh\r\n\r\nlater"), "answer 503"),
    "endless 500": (goes_on(b"HTTP/1.1 500 Oh\r\n\r\n", bytes(4096)), "answer 500"),
    "endless": (goes_on(HEAD + b"\r\n", bytes(4096)), "exceeding"),
    "endless chunks": (goes_on(CHUNKED, b"10\r\n0123456789abcdef\r\n"), "exceeding"),
    "10 GB": (
        goes_on(HEAD + b"Content-Length: 10000000000\r\n\r\n", bytes(4096)),
        "exceeding",
    ),
    "slow": (
        goes_on(HEAD + b"Content-Length: 900\r\n\r\n", b"{", every=0.05),
        "took longer than 1 s",
    ),
    "slow header": (goes_on(HEAD + b"X: ", b"x", every=0.05), "took longer than 1 s"),
    "slow status": (goes_on(b"HTTP/1.1 2", b"0", every=0.05), "took longer than 1 s"),
    "slow chunk": (goes_on(CHUNKED, b"0", every=0.05), "took longer than 1 s"),
    "wait for it": (
        goes_on(b"", b"HTTP/1.1 100 Continue\r\n\r\n", every=0.001),
        "took longer than 1 s",
    ),
    "silent": (is_silent, "took longer than 1 s"),
    "deflate": (encoded(encoding=b"deflate"), "encoded in a way not asked for"),
    "brotli": (encoded(encoding=b"br"), "encoded in a way not asked for"),
    "twice": (encoded(gzip.compress, b"gzip, gzip"), "encoded in a way not asked for"),
    "no gzip": (encoded(gzip.decompress), "not proper gzip"),
    "zlib": (encoded(lambda _: zlib.compress(b"{}")), "not proper gzip"),
    "damaged gzip": (encoded(lambda it: it[:-6] + b"x" + it[-5:]), "not proper gzip"),
    "cut gzip": (encoded(lambda it: it[:-1]), "not one whole gzip"),
    "empty gzip": (encoded(lambda _: b""), "not one whole gzip"),
    "more gzip": (encoded(lambda it: it + it), "not one whole gzip"),
    "more than gzip": (encoded(lambda it: it + b"\0"), "not one whole gzip"),
    "bomb": (encoded(lambda _: BOMB), "exceeding"),
    "endless bomb": (goes_on(GZIPPED + BOMB_START, BOMB_BLOCK), "exceeding"),
    "endless nothing": (goes_on(GZIPPED + BOMB_START, EMPTY_BLOCK), "not one whole"),
    "endless gzip name": (goes_on(GZIPPED + NAMED, b"x" * 4096), "not one whole gzip"),
    "slow gzip": (
        goes_on(GZIPPED + BOMB_START, EMPTY_BLOCK[:5], every=0.05),
        "took longer than 1 s",
    ),
    "cut": (_cut, "the connection was cut"),
    "cut chunk": (says(CHUNKED, b"100\r\nabc"), "the connection was cut"),
    "cut header": (says(HEAD, b"Content-Le"), "not properly signed"),
    "closed": (says(), "the connection was cut"),
    "one long header": (says(HEAD, b"X: ", b"x" * 70_000), "not proper HTTP"),
    "many headers": (says(HEAD, b"X: x\r\n" * 200, b"\r\n"), "not proper HTTP"),
    "endless header": (goes_on(HEAD, b"x" * 4096), "not proper HTTP"),
    "another protocol": (says(b"SSH-2.0-\x1b[31mx\r\n\r\n"), "not proper HTTP"),
    "bad chunk": (says(CHUNKED, b"-5\r\nabc\r\n"), "cut"),
    "too short": (says(HEAD, b"Content-Length: 2\r\n\r\n{}"), "not properly signed"),
    "negative": (says(HEAD, b"Content-Length: -9\r\n\r\n{}"), "not properly signed"),
    "nothing": (says(HEAD, b"Content-Length: 0\r\n\r\n"), "not properly signed"),
}


@pytest.mark.parametrize(("behave", "why"), BEHAVIOURS.values(), ids=BEHAVIOURS.keys())
def test_d4_mirrors_that_misbehave(
    device: Device,
    behave: Behaviour,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The last good state stays; one line says what was wrong and what is in use."""
    device.sync(device.public)
    before = device.store.load()
    device.publish_revocation()
    monkeypatch.setattr(_fetch, "MAX_SECONDS", 1.0)
    with Mirror(device.public, r"timestamp\.json$", behave).running() as mirror:
        assert device.command(mirror.url) == 1
        line = _only_line(capsys)
        assert why in line
        assert line.endswith(
            f"still in use: version {before.version} of {_when(before)}"
        )
        assert "/elsewhere" not in mirror.asked
    assert device.store.load() is before
    assert device.reason() == "accepted"
    device.sync(device.public)
    assert device.reason() == "status.revoked"


def _only_line(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.isprintable()
    assert len(line) < 300
    return line


def _when(trust: verifier.Trust) -> str:
    return f"{trust.issued_at:%Y-%m-%d %H:%M} UTC"


@pytest.mark.parametrize(
    "bad", [r"/2\.root\.json$", r"snapshot\.json$", r"/\d+\.targets\.json$", "scheme"]
)
@pytest.mark.parametrize("name", ["endless", "cut", "redirect", "bomb", "slow"])
def test_d4_at_any_file(
    device: Device, monkeypatch: pytest.MonkeyPatch, bad: str, name: str
) -> None:
    """Whatever file a mirror misbehaves for, nothing comes into the store."""
    monkeypatch.setattr(_fetch, "MAX_SECONDS", 1.0)
    behave = BEHAVIOURS[name][0]
    with (
        Mirror(device.public, bad, behave).running() as mirror,
        pytest.raises(verifier.SyncError),
    ):
        device.sync(mirror.url)
    assert not list(device.folder.glob("generation-*"))
    with pytest.raises(verifier.StoreError, match="no trust data"):
        device.store.load()


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 300_000])
@pytest.mark.parametrize("step", [1, 7, 65_536])
def test_d4_inflated_in_small_pieces(size: int, step: int) -> None:
    """However it is cut on the way, all comes out, and never much at a time."""
    data = bytes(size // 2) + bytes(each % 251 for each in range(size - size // 2))
    packed = gzip.compress(data)
    chunks = (packed[at : at + step] for at in range(0, len(packed), step))
    pieces = list(_fetch._inflated(chunks))
    assert b"".join(pieces) == data
    assert max(map(len, pieces), default=0) <= 65_536


def test_d4_one_economy_s_list_without_end(device: Device) -> None:
    """A list that goes on for ever is given up; the rest of the data is taken."""
    device.sync(device.public)
    device.publish_revocation()
    behave = BEHAVIOURS["endless"][0]
    with Mirror(device.public, r"AUS/status/", behave).running() as mirror:
        (problem,) = device.sync(mirror.url).problems
    assert problem.document == "AUS"
    assert device.reason() == "accepted"


def test_s8_trouble_with_a_policy_is_not_taken_for_its_absence(device: Device) -> None:
    """Only a source that says it has no such file may leave a destination's out."""
    root, behave = device.root.read_bytes(), BEHAVIOURS["500"][0]
    with Mirror(device.public, r"SGP/.*policy", behave).running() as mirror:
        (problem,) = device.store.sync(mirror.url, root=root, now=NOW).problems
    assert problem.document == "SGP"
    assert "answer 500" in problem.detail
    assert "SGP/status/1.jwt" not in device.store.info().lists


@pytest.mark.parametrize("name", ["cut", "slow", "closed"])
def test_d4_a_line_that_breaks_at_one_economy(
    device: Device, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A line that fails is no economy's fault: nothing is taken, and it is said."""
    device.sync(device.public)
    before = device.store.load()
    device.publish_revocation()
    monkeypatch.setattr(_fetch, "MAX_SECONDS", 1.0)
    behave = BEHAVIOURS[name][0]
    with (
        Mirror(device.public, r"AUS/status/", behave).running() as mirror,
        pytest.raises(verifier.SyncError, match="cannot be fetched"),
    ):
        device.sync(mirror.url)
    assert device.store.load() is before


def test_o5_a_folder_that_cannot_be_read(device: Device) -> None:
    """A stick that is broken is named as such, not as a fault of the store."""
    file = device.public / "metadata/timestamp.json"
    file.unlink()
    file.symlink_to("/proc/self/mem")  # opens, and cannot be read at its beginning
    with pytest.raises(verifier.SyncError, match=r"timestamp\.json: Input/output"):
        device.sync(device.public)


@pytest.mark.parametrize(
    "name", ["500", "endless", "cut", "redirect", "bomb", "no gzip", "closed", "silent"]
)
def test_d4_a_mirror_that_misbehaves_for_deltas(
    device: Device, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole list is fetched instead, over another connection if need be."""
    monkeypatch.setattr(_fetch, "_SILENCE", 0.5)
    for minutes, state in ((20, 0), (10, 1)):
        device.publish_long_list(state, NOW - minutes * MINUTE)
        bad = Mirror(device.public, r"\.from-", BEHAVIOURS[name][0])
        with bad.running() as mirror:
            assert device.sync(mirror.url).problems == ()
        assert any(".from-" in path for path in bad.asked) == bool(state)
    assert device.reason() == "status.revoked"


def test_servers_that_close_without_a_word(device: Device) -> None:
    """A connection that ends after an answer is opened anew, and all is fetched."""

    def behave(sock: socket, data: bytes) -> None:
        sock.sendall(_answer(data))

    with Mirror(
        device.public, r"(timestamp|SGP|status/.*)", behave
    ).running() as mirror:
        assert device.sync(mirror.url).problems == ()
        assert mirror.connections > 3
        assert len(set(mirror.asked)) == len(mirror.asked)
    assert device.reason() == "accepted"


def test_a_long_page_that_there_is_nothing(device: Device) -> None:
    """What is not read of one answer is never taken for the next one."""
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: 300000\r\n\r\n"
    behave = says(head, _answer(b"{}") * 6000)
    with Mirror(device.public, r"/2\.root\.json$", behave).running() as mirror:
        assert device.sync(mirror.url).problems == ()
    assert device.reason() == "accepted"


def test_one_connection_is_enough(device: Device) -> None:
    """Also past an answer that is not wanted, such as that there is no next root."""
    with Mirror(device.public, "nothing", is_silent).running() as mirror:
        device.sync(mirror.url)
        assert mirror.connections == 1
        assert len(mirror.asked) > 8


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://", "has a host"),
        ("https://[", "malformed"),
        ("https://x.example:0", "has a host"),
        ("https://x.example:99999", "malformed"),
        ("https://x.example/a b", "printable"),
        ("https://x.example/\r\nHost: y", "printable"),
        ("https://b\u00fccher.example", "printable"),
        ("https://@x.example", "no query, fragment or user"),
        ("http://127.0.0.1:1", "takes no connections"),
        ("https://127.0.0.1:1", "takes no connections"),
    ],
)
def test_addresses_that_lead_nowhere(device: Device, url: str, why: str) -> None:
    """An address that cannot be used is refused in one line."""
    with pytest.raises(verifier.SyncError, match=why) as caught:
        device.sync(url)
    assert len(str(caught.value).splitlines()) == 1
