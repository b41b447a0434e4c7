"""A published folder, an operator, and a device that reads it with python-tuf."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from issuer.documents import issuer_document
from issuer.keys import KeyRecord
from issuer.publish import Journal, Keyring, Publication, Publisher
from tests.simulator import CAPACITY, NOW, SCHEME, FixedSigner, World
from tests.simulator import status_token as independent_token

ADDRESS = "https://abtc.example/"
KINDS = ("issuer", "policy")
APPROVED = frozenset({"Ana", "Ben"})


class FolderFetcher(FetcherInterface):
    """Serves a folder as a web server would, and remembers what was asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.asked: list[str] = []

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = unquote(url.removeprefix(ADDRESS))
        self.asked.append(name)
        path = self._folder / name
        if not path.is_file():
            raise DownloadHTTPError(f"{name} is not there", 404)
        yield path.read_bytes()


class Device:
    """Knows the first root and keeps what it has read, as a device does."""

    def __init__(self, public: Path, store: Path, first_root: bytes) -> None:
        self._public = public
        self._store = store
        self._first_root = first_root
        store.mkdir(exist_ok=True)

    def updater(self, now: datetime = NOW) -> Updater:
        updater = Updater(
            str(self._store),
            f"{ADDRESS}metadata/",
            str(self._store),
            f"{ADDRESS}targets/",
            FolderFetcher(self._public),
            bootstrap=self._first_root,
        )
        updater._trusted_set.reference_time = now
        return updater

    def read(self, *names: str, now: datetime = NOW) -> dict[str, bytes]:
        """The documents of these names, of those that are published."""
        updater = self.updater(now)
        updater.refresh()
        found = {}
        for name in names:
            info = updater.get_targetinfo(name)
            if info:
                path = self._store / "document"
                updater.download_target(info, str(path))
                found[name] = path.read_bytes()
        return found

    def timestamp(self, now: datetime = NOW) -> Mapping[str, Any]:
        """The signed part of the timestamp that the device believes."""
        updater = self.updater(now)
        updater.refresh()
        return updater._trusted_set.timestamp.to_dict()


class Desk:
    """The scheme's operator: a public folder, keys, and documents to publish."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.public = folder / "public"
        self.keys = folder / "keys"
        self.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.world = World()

    def publisher(self, *folders: Path, passphrase: bytes = b"secret") -> Publisher:
        """As a fresh process would make it."""
        return Publisher(
            folder=self.public,
            journal=Journal(path=self.keys / "journal.jsonl"),
            keyring=Keyring(folders or (self.keys,), lambda _: passphrase),
        )

    def open(self, *economies: str, now: datetime = NOW) -> "Desk":
        """Make the repository, with the first documents of these economies."""
        self.publisher().init(scheme(), now=now)
        for economy in economies:
            self.publisher().add_economy(economy, now=now)
            self.publish(economy, self.documents(economy), now=now)
        return self

    def documents(self, economy: str = "AUS", **lists: Any) -> dict[str, bytes]:
        """An economy's own documents; ``lists`` as `World.list_token` takes them."""
        names = [f"{economy}/status/1.jwt", f"{economy}/overlay/SGP/1.jwt"]
        every = self.world.documents(economy)
        return {
            **{
                f"{economy}/{kind}.json": every[f"{economy}/{kind}.json"]
                for kind in KINDS
            },
            **{name: self.world.list_token(name, **lists) for name in names},
        }

    def publish(
        self, role: str, documents: Mapping[str, bytes], **given: Any
    ) -> Publication:
        return self.publisher().publish_lists(role, documents, **{"now": NOW, **given})

    def device(self, name: str = "device") -> Device:
        first_root = (self.public / "metadata/1.root.json").read_bytes()
        return Device(self.public, self.folder / name, first_root)

    def files(self) -> dict[str, bytes]:
        """Every published file that a reader may be sent to."""
        return {
            path.relative_to(self.public).as_posix(): path.read_bytes()
            for path in self.public.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }

    def key_files(self, role: str) -> list[Path]:
        return sorted(self.keys.glob(f"{role}.*.pem"))

    def journal(self) -> list[dict[str, Any]]:
        text = (self.keys / "journal.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


def scheme(at: datetime = NOW - timedelta(hours=1), **changes: Any) -> bytes:
    document = json.loads(World().documents()["scheme.json"])
    document["issued_at"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({**document, **changes}).encode()


def list_of(
    states: Mapping[int, int],
    name: str = "AUS/status/1.jwt",
    *,
    iat: datetime = NOW,
    capacity: int = CAPACITY,
    **changes: Any,
) -> bytes:
    economy, _, rest = name.removesuffix(".jwt").partition("/")
    uri = f"{SCHEME.economy(economy).issuer_url}/{rest}"
    return independent_token(
        uri, states, economy=economy, iat=iat, capacity=capacity, **changes
    )


def issuer_json(*uses: tuple[str, str], minutes: int = 1) -> bytes:
    """``issuer.json`` of AUS with these keys: name of the key, and its use."""
    signers = [
        FixedSigner(key_id=name, use="card" if use == "card" else "status", name=name)
        for name, use in uses
    ]
    url = SCHEME.economy("AUS").issuer_url
    since = NOW - timedelta(days=365)
    return issuer_document(
        SCHEME,
        "AUS",
        keys=[KeyRecord.of(each, issuer_url=url, signs_from=since) for each in signers],
        issued_at=NOW - timedelta(hours=1) + timedelta(minutes=minutes),
    )
