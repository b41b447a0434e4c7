"""What takes long to make: made once, and copied for each test."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from issuer.store import Store
from tests.issuer.back_office import BackOffice, open_office
from tests.issuer.repository_reader import Desk
from tests.issuer.soft_hsm import SoftHsm, build_module

OpenDesk = Callable[..., Desk]
"""Called with a folder and economies: a desk that has published, at NOW."""


@pytest.fixture(scope="session")
def open_desk(tmp_path_factory: pytest.TempPathFactory) -> OpenDesk:
    made: dict[tuple[str, ...], Path] = {}

    def opened(folder: Path, *economies: str) -> Desk:
        if economies not in made:
            template = tmp_path_factory.mktemp("desk")
            Desk(template).open(*economies)
            made[economies] = template
        shutil.copytree(made[economies], folder, dirs_exist_ok=True)
        return Desk(folder)

    return opened


@pytest.fixture
def back_office(store: Store, tmp_path: Path) -> BackOffice:
    """An office with people and keys, and no applications yet; on each database."""
    return open_office(store, tmp_path)


@pytest.fixture(scope="session")
def faulty_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_module(tmp_path_factory.mktemp("module"))


@pytest.fixture
def hsm(
    tmp_path: Path, faulty_module: Path, monkeypatch: pytest.MonkeyPatch
) -> SoftHsm:
    """A token; the test needs SoftHSM and a C compiler."""
    return SoftHsm(tmp_path, faulty_module, monkeypatch)
