"""The example of passport checks runs, and ends as its text says."""

import pytest
from pytest_socket import enable_socket

from examples import passport_check

pytestmark = pytest.mark.enable_socket


def test_three_economies_a_broker_and_one_that_is_down(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each question gets its own answer; the one that is down keeps nobody waiting."""
    enable_socket()
    assert passport_check.main() == 0
    told = [
        line.split(" | ")[1] for line in capsys.readouterr().out.splitlines() if line
    ]
    assert told == [
        "VALID",
        "DATA_MISMATCH",
        "NOT_RECOGNISED",
        "STOLEN, call SGP passport office, day and night",
        "NO_ANSWER (silence)",
        "NO_ANSWER (not_joined)",
        "VALID",
        "120 VALID, 120 NO_ANSWER, 60 DATA_MISMATCH, 60 NOT_RECOGNISED",
        "E7654321B, met by NZL",
        "stolen of SGP",
        "the same",
    ]
