"""Economies are waited for as long as it takes: this machine may be busy."""

from datetime import timedelta

import pytest

from issuer.carriers import everybody


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is slow on purpose but what brings its own time along."""
    for name in ("FIRST", "REST"):
        monkeypatch.setattr(everybody, name, timedelta(seconds=30))
