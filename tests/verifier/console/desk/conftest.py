"""An airline desk with a store of the simulator's world, asked as its page would."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import verifier
from tests.simulator import NOW, World
from tests.verifier.tuf_repository import Repository
from verifier import places
from verifier.console.desk.app import make_app
from verifier.console.desk.counter import Counter
from verifier.console.desk.serving import open_desk

PORT = 8325
ORIGIN = f"http://127.0.0.1:{PORT}"
HEADERS = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
WORLD = World(economies=["AUS", "NZL", "SGP"])
TODAY = "2030-01-15"


class AirlineDesk:
    """One desk, its clock, and a browser that has been let in."""

    def __init__(self, store: Path) -> None:
        self.now: datetime = NOW
        self.addresses: list[str] = []
        self.counter = Counter(
            store=verifier.TrustStore(store),
            zones=places.zones(),
            now=lambda: self.now,
        )
        self.parts = open_desk(self.counter, PORT, self.addresses.append)
        self.app = make_app(self.parts)
        self.browser = self.new_browser()

    def new_browser(self) -> FlaskClient:
        """A browser that has opened the address that was told last."""
        browser = self.app.test_client()
        found = browser.get(self.addresses[-1])
        assert found.status_code == 303
        return browser

    def post(self, path: str, body: object, **headers: str) -> TestResponse:
        return self.browser.post(
            f"/api/{path}", json=body, base_url=ORIGIN, headers=HEADERS | headers
        )

    def ask(self, code: str | None = None, **changes: Any) -> dict[str, Any]:
        """Ask about an arrival in Singapore today."""
        usual = {"destination": "SGP", "arrival": TODAY, "code": code}
        found = self.post("answers", usual | changes)
        assert found.status_code == 200, found.text
        told: dict[str, Any] = found.get_json()
        return told

    def check(self, table: str) -> tuple[list[dict[str, Any]], str]:
        """Ask about a list: what is told of each row, and the CSV file."""
        found = self.post("lists", {"csv": table})
        assert (found.status_code, found.mimetype) == (200, "application/x-ndjson")
        first, *rows, last = map(json.loads, found.text.splitlines())
        assert first == {"rows": len(rows)}
        return rows, last["csv"]

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def code(self, **card: Any) -> str:
        """What Jane's phone shows now."""
        return WORLD.show(WORLD.card(**card), at=self.now)


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with Singapore's overlays; not to be written to."""
    folder = tmp_path_factory.mktemp("airline")
    repository = Repository(folder / "mirror", WORLD.documents())
    repository.publish()
    store = verifier.TrustStore(folder / "store")
    store.sync(repository.folder, root=repository.first_root, now=NOW)
    return folder / "store"


@pytest.fixture
def desk(synced: Path) -> Iterator[AirlineDesk]:
    made = AirlineDesk(synced)
    yield made
    made.parts.frames.close()
