"""One browser for all tests of the console's pages."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.verifier.console.conftest import Desk
from tests.verifier.console.web.site import launched


@pytest.fixture(scope="module", name="browser")
def running() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture(scope="session", name="new_desk")
def desks(synced: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Desk]:
    return lambda: Desk(synced, tmp_path_factory.mktemp("home"))
