"""Desks that have published before; made once, and copied for each test."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.issuer.repository_reader import Desk

OpenDesk = Callable[..., Desk]
"""Called with a folder and economies: a desk there, opened for them at NOW."""


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
