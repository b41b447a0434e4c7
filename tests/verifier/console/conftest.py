"""A console with a store of the simulator's world, asked as its own page would."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import verifier
from tests.simulator import NOW, World
from tests.verifier.tuf_repository import Repository
from verifier.console.app import make_app
from verifier.console.device import Device
from verifier.console.exports import Exports
from verifier.console.frames import Frames
from verifier.console.here import Console
from verifier.console.imager import Imager
from verifier.console.logbook import Logbook, Send
from verifier.console.officers import Officers
from verifier.console.session import Session
from verifier.console.shifts import Clocks
from verifier.console.updates import Source, Updates

PORT = 8324
ORIGIN = f"http://127.0.0.1:{PORT}"


class Desk:
    """One console, its clock, and a browser that has been let in."""

    def __init__(
        self,
        store: Path,
        home: Path,
        *,
        log: verifier.ScanLog | None = None,
        send: Send | None = None,
        imager: Imager | None = None,
        is_kiosk: bool = False,
        is_training: bool = False,
        port: int = PORT,
        passports: verifier.PassportAsker | None = None,
        needs_passport_answer: bool = False,
        **source: Any,
    ) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.now, self.ticks = NOW, 1000.0
        self.keys: list[str] = []
        clocks = Clocks(now=lambda: self.now, elapsed=lambda: self.ticks)
        self.device = Device(
            store=verifier.TrustStore(store),
            policy=verifier.Policy(economy="SGP"),
            clocks=clocks,
            logbook=Logbook(log, clocks=clocks, send=send),
            is_kiosk=is_kiosk,
            is_training=is_training,
            passports=passports,
            needs_passport_answer=needs_passport_answer,
        )
        self.session = Session(
            clocks=clocks,
            idle=timedelta(minutes=15),
            forget=self.device.forget_all,
            tell=self.keys.append,
        )
        known: dict[str, Any] = {"root": None, "place": None, **source}
        self.console = Console(
            version="1",
            port=port,
            device=self.device,
            session=self.session,
            officers=Officers(home, now=clocks.now, cost=2**10),
            updates=Updates(
                Source(
                    store=store,
                    economy="SGP",
                    floor=verifier.Floor(),
                    partial=home / "partial",
                    **known,
                ),
                clocks=clocks,
            ),
            frames=Frames(),
            imager=imager,
            exports=Exports(home / "exports"),
            zone="Asia/Singapore",
        )
        self.app = make_app(self.console)
        self.browser = self.new_browser()

    def new_browser(self) -> FlaskClient:
        """A browser that has opened the address that was told last."""
        browser = self.app.test_client()
        found = browser.get(f"/start?key={self.keys[-1]}", base_url=self.origin)
        assert found.status_code == 303
        return browser

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.ticks += seconds

    def get(self, path: str, *, by: FlaskClient | None = None) -> Any:
        return (by or self.browser).get(f"/api/{path}", base_url=self.origin)

    def post(
        self, path: str, body: object = None, *, by: FlaskClient | None = None
    ) -> Any:
        return (by or self.browser).post(
            f"/api/{path}",
            json=body or {},
            base_url=self.origin,
            headers={"Origin": self.origin, "Sec-Fetch-Site": "same-origin"},
        )

    def begin(self) -> None:
        shift = {"officer": "b-17", "lane": "3", "direction": "entry"}
        assert self.post("shift", shift).status_code == 200

    def check(self, code: str, **more: Any) -> Any:
        found = self.post("check", {"code": code, "passport": None, **more})
        assert found.status_code == 200, found.json
        return found.json


WORLD = World(economies=["AUS", "NZL", "SGP"])


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of Singapore's device; not to be written to."""
    folder = tmp_path_factory.mktemp("console")
    repository = Repository(folder / "mirror", WORLD.documents())
    repository.publish()
    store = verifier.TrustStore(folder / "store")
    store.sync(repository.folder, root=repository.first_root, now=NOW)
    return folder / "store"


@pytest.fixture
def desk(synced: Path, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(synced, tmp_path / "home")
    made.begin()
    yield made
    made.console.frames.close()
    made.console.updates.close()


@pytest.fixture
def source(tmp_path: Path) -> Repository:
    """What is published for Singapore's device."""
    made = Repository(tmp_path / "mirror", WORLD.documents())
    made.publish()
    return made


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
