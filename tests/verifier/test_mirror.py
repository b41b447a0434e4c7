"""Mirrors that are slow, endless, broken or not there: refused, and soon."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import verifier
from tests.simulator import NOW, World
from tests.verifier.tuf_repository import Repository
from verifier import _fetch

WORLD = World(economies=["AUS", "NZL"])
HEAD = b"HTTP/1.1 200 OK\r\n"
ENDLESS = 10 * 2**30
Answer = Callable[[socket.socket, Path], None]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "mirror", WORLD.documents())
    made.publish()
    return made


@contextmanager
def served(folder: Path, asked: list[str], **answers: Answer) -> Iterator[str]:
    """Serve a folder, with other answers for paths that end as one of these does."""

    peers: list[socket.socket] = []

    def handle(peer: socket.socket) -> None:
        # One request a connection; that the device hangs up early is what we test.
        with peer, suppress(OSError, IndexError):
            path = peer.recv(4096).split()[1].decode()
            asked.append(path)
            fitting = [
                answer
                for ending, answer in answers.items()
                if path.endswith(ending.replace("_", "."))
            ]
            (fitting or [_plain])[0](peer, folder / path[1:])

    def accept() -> None:
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                peers.append(peer)
                threading.Thread(target=handle, args=(peer,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for each in (listener, *peers):  # nobody is left waiting
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _plain(peer: socket.socket, path: Path) -> None:
    if not path.is_file():
        peer.sendall(
            b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        return
    data = path.read_bytes()
    length = f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    peer.sendall(HEAD + length.encode() + data)


def _byte_by_byte(peer: socket.socket, data: bytes) -> None:
    for number in range(len(data)):
        peer.sendall(data[number : number + 1])
        time.sleep(0.05)


def _slow_body(peer: socket.socket, path: Path) -> None:
    peer.sendall(HEAD + b"Content-Length: 9000\r\n\r\n")
    _byte_by_byte(peer, b" " * 9000)


def _slow_head(peer: socket.socket, path: Path) -> None:
    peer.sendall(HEAD)
    _byte_by_byte(peer, b"X: " + b"x" * 9000)


def _silent(peer: socket.socket, path: Path) -> None:
    peer.recv(1)  # until the device hangs up


def _endless(peer: socket.socket, path: Path) -> None:
    peer.sendall(HEAD + b"\r\n")
    while True:
        peer.sendall(b" " * 65536)


def _announced(peer: socket.socket, path: Path) -> None:
    peer.sendall(HEAD + f"Content-Length: {ENDLESS}\r\n\r\n".encode())
    while True:
        peer.sendall(b" " * 65536)


def _chunked(peer: socket.socket, path: Path) -> None:
    peer.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        peer.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")


def _bomb(peer: socket.socket, path: Path) -> None:
    data = gzip.compress(bytes(2**24))
    length = f"Content-Encoding: gzip\r\nContent-Length: {len(data)}\r\n\r\n"
    peer.sendall(HEAD + length.encode() + data)


def _cut(peer: socket.socket, path: Path) -> None:
    peer.sendall(HEAD + b"Content-Length: 9000\r\n\r\n{")


def _junk(peer: socket.socket, path: Path) -> None:
    peer.sendall(b"SSH-2.0-OpenSSH\r\n")


def _elsewhere(peer: socket.socket, path: Path) -> None:
    peer.sendall(b"HTTP/1.1 302 Go\r\nLocation: /metadata/other.json\r\n\r\n")


def _refused(store: verifier.TrustStore, repository: Repository, url: str) -> str:
    with pytest.raises(verifier.SyncError) as caught:
        store.sync(url, root=repository.first_root, now=NOW)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.enable_socket
@pytest.mark.parametrize("answer", [_slow_body, _slow_head, _silent])
@pytest.mark.parametrize("ending", ["timestamp_json", "root_json", "scheme_json"])
def test_d4_a_byte_at_a_time(
    tmp_path: Path,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    ending: str,
) -> None:
    """One limit holds for the whole sync, whatever part of an answer is slow."""
    monkeypatch.setattr(_fetch, "MAX_SECONDS", 0.5)
    store = verifier.TrustStore(tmp_path / "store")
    store.sync(repository.folder, root=repository.first_root, now=NOW)
    repository.documents["scheme.json"] += b"\n"
    repository.publish()
    with served(repository.folder, [], **{ending: answer}) as url:
        assert "took longer" in _refused(store, repository, url)
    assert store.load().version == 1


@pytest.mark.enable_socket
@pytest.mark.parametrize("answer", [_endless, _announced, _chunked, _bomb])
@pytest.mark.parametrize("ending", ["timestamp_json", "snapshot_json", "scheme_json"])
def test_d4_without_end(
    tmp_path: Path, repository: Repository, answer: Answer, ending: str
) -> None:
    """Nothing is read beyond its limit, and nothing is inflated."""
    store = verifier.TrustStore(tmp_path / "store")
    store.sync(repository.folder, root=repository.first_root, now=NOW)
    repository.documents["scheme.json"] += b"\n"
    repository.publish()
    with served(repository.folder, [], **{ending: answer}) as url:
        _refused(store, repository, url)
    assert store.load().version == 1


@pytest.mark.enable_socket
@pytest.mark.parametrize("answer", [_endless, _announced])
def test_d4_l17_one_economy_without_end_leaves_the_others(
    tmp_path: Path, repository: Repository, answer: Answer
) -> None:
    """An endless file of one economy costs that economy, and no other."""
    store = verifier.TrustStore(tmp_path / "store")
    with served(repository.folder, [], AUS_json=answer) as url:
        report = store.sync(url, root=repository.first_root, now=NOW)
    assert [problem.document for problem in report.problems] == ["AUS"]
    shown = WORLD.show(WORLD.card("NZL"))
    found = WORLD.verify(shown, trust=store.load())
    assert isinstance(found, verifier.Accepted)


@pytest.mark.enable_socket
@pytest.mark.parametrize("answer", [_cut, _junk, _elsewhere])
def test_broken_answers_are_refused_in_one_line(
    tmp_path: Path, repository: Repository, answer: Answer
) -> None:
    """What no web server should say, and a redirect, is refused like a dead network."""
    store, asked = verifier.TrustStore(tmp_path / "store"), list[str]()
    with served(repository.folder, asked, timestamp_json=answer) as url:
        _refused(store, repository, url)
    assert asked == ["/metadata/2.root.json", "/metadata/timestamp.json"]


@pytest.mark.enable_socket
def test_nobody_there_is_refused_in_one_line(
    tmp_path: Path, repository: Repository
) -> None:
    """A mirror that is down is one clear line, and the old data stays."""
    store = verifier.TrustStore(tmp_path / "store")
    store.sync(repository.folder, root=repository.first_root, now=NOW)
    with served(repository.folder, []) as url:
        pass
    assert "cannot be fetched" in _refused(store, repository, url)
    assert store.load().version == 1


def test_an_unreadable_folder_is_the_sources_fault(
    tmp_path: Path, repository: Repository
) -> None:
    """A file of the source that cannot be read does not accuse the store."""
    path = repository.folder / "metadata" / "timestamp.json"
    path.unlink()
    path.symlink_to("/proc/self/mem")  # opens, and fails with an error of the disk
    store = verifier.TrustStore(tmp_path / "store")
    assert "cannot be fetched" in _refused(store, repository, str(repository.folder))
