"""An office that asks a destination elsewhere."""

from pathlib import Path

import pytest

from tests.issuer.back_office import BackOffice
from tests.issuer.link.asker import Asker


@pytest.fixture
def asker(back_office: BackOffice, tmp_path: Path) -> Asker:
    return Asker(back_office, tmp_path)
