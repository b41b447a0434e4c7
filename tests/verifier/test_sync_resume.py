"""An update that breaks off goes on where it was, and believes no leftovers."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import verifier
from tests.simulator import NOW, World
from tests.verifier.tuf_repository import Repository
from verifier import _partial

WORLD = World(economies=["AUS", "NZL", "SGP"])
ENOUGH = 12
"""Requests after which the network is gone, in the middle of the documents."""


class Mirror:
    """A mirror that goes away after so many requests."""

    def __init__(self, folder: Path) -> None:
        self.left = 10**6
        mirror = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.left -= 1
                if mirror.left >= 0:
                    super().do_GET()
                else:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        handler = partial(Handler, directory=str(folder))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        run = partial(self.server.serve_forever, 0.01)
        threading.Thread(target=run, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.enable_socket
def test_o1_an_update_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    """What was fetched is not fetched again, and is used only if it is right."""
    repository = Repository(tmp_path / "mirror", WORLD.documents())
    repository.publish()
    mirror, left = Mirror(repository.folder), tmp_path / "left"
    told: list[int] = []
    store = verifier.TrustStore(tmp_path / "store")

    def sync(to: verifier.TrustStore, **more: Any) -> verifier.SyncReport:
        root = repository.first_root
        return to.sync(mirror.url, root=root, now=NOW, **more)

    try:
        whole = sync(verifier.TrustStore(tmp_path / "other"))
        mirror.left = ENOUGH
        with pytest.raises(verifier.SyncError):
            sync(store, resume=left, on_progress=lambda files, _: told.append(files))
        assert told == sorted(told)
        kept = sorted(left.iterdir())
        assert kept
        with pytest.raises(verifier.StoreError):
            store.load()  # nothing of it counts yet
        spoilt = kept[0]
        spoilt.write_bytes(b"made up")
        mirror.left = 10**6
        report = sync(store, resume=left)
    finally:
        mirror.close()
    assert report.requests == whole.requests - (len(kept) - 1)
    assert (report.documents_changed, report.problems) == (whole.documents_changed, ())
    assert not left.exists()
    decision = WORLD.verify(WORLD.show(WORLD.card()), trust=store.load())
    assert isinstance(decision, verifier.Accepted)


@pytest.mark.parametrize("what", ["file", "link", "large"])
def test_o3_a_folder_of_leftovers_that_is_none(tmp_path: Path, what: str) -> None:
    """Whatever stands there, the update fetches everything and is whole."""
    repository = Repository(tmp_path / "mirror", WORLD.documents())
    repository.publish()
    left = tmp_path / "left"
    if what == "file":
        left.write_text("in its place")
    else:
        left.mkdir()
        targets = (repository.folder / "targets" / "AUS").glob("*.issuer.json")
        name = next(targets).name.partition(".")[0]
        if what == "link":
            (left / name).symlink_to("/dev/zero")
        else:
            with (left / name).open("wb") as file:
                file.truncate(2**33)
    store = verifier.TrustStore(tmp_path / "store")
    root = repository.first_root
    store.sync(repository.folder, root=root, now=NOW, resume=left)
    assert store.load().problems == ()


def test_leftovers_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror that never gets to the end does not fill the disk, however often."""
    monkeypatch.setattr(_partial, "_MOST_FILES", 8)
    for round_ in range(4):
        left = _partial.Partial(tmp_path / "left")
        for number in range(6):
            left.keep(f"{round_} {number}".encode())
    assert len(list((tmp_path / "left").iterdir())) == 8
