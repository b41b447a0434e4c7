"""What takes long to make: made once, and copied for each test."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.databases import Prepared
from tests.issuer.back_office import BackOffice, office_at
from tests.issuer.repository_reader import Desk
from tests.issuer.soft_hsm import SoftHsm, build_module, make_token

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
def back_office(prepared: Prepared) -> BackOffice:
    """An office with people and keys, and no applications yet; on each database."""
    return office_at(prepared)


@pytest.fixture(scope="session")
def module_and_token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("module")
    build_module(folder)
    make_token(folder)
    return folder


@pytest.fixture
def hsm(
    tmp_path: Path, module_and_token: Path, monkeypatch: pytest.MonkeyPatch
) -> SoftHsm:
    """A token; the test needs SoftHSM and a C compiler."""
    return SoftHsm(tmp_path, module_and_token, monkeypatch)
