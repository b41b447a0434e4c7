"""The example of docs/portal.md runs, from a mailbox to an officer's queue."""

import pytest
from pytest_socket import enable_socket

from examples import apply_online

pytestmark = pytest.mark.enable_socket


def test_somebody_applies_online(capsys: pytest.CaptureFixture[str]) -> None:
    enable_socket()
    assert apply_online.main() == 0
    text = capsys.readouterr().out
    assert "Mail | Your code for signing in: " in text
    assert "Photograph | A face: needs a look" in text
    assert "Jane | Your application is handed in" in text
    assert "Citizen, Jane" in text
    assert "mail to jane@example.com" in text
