"""Examples of a wallet's life: each runs, and ends as its text says."""

import re
from collections.abc import Callable

import pytest
from pytest_socket import enable_socket

from examples import counter_activation, lost_phone, new_phone, one_id

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[Callable[[], int]], str]:
    """Run an example and return what everybody sees, a line each."""

    def run(main: Callable[[], int]) -> str:
        enable_socket()
        assert main() == 0
        found = capsys.readouterr()
        assert found.err == ""
        return re.sub(r"^ +", "", found.out, flags=re.MULTILINE)

    return run


def test_a_counter_activation(said: Callable[..., str]) -> None:
    """A digit heard wrong is noticed; the card comes without a link or a code."""
    text = said(counter_activation.main)
    (number,) = re.findall(r"Read this number to the officer: (\d{4} \d{4})", text)
    assert "a digit is wrong" in text
    assert f"types {number}: the card is offered" in text
    assert "Is this your card? CITIZEN, JANE; passport AUS •••• 567" in text
    assert re.search(r"Its number is AU\w+\.", text)
    assert re.search(r"Shows a code that only it can make: ABTC1:", text)


def test_a_new_phone(said: Callable[..., str]) -> None:
    """The old phone says that the card moved, and gets it no more."""
    text = said(new_phone.main)
    assert re.search(
        r"^Old phone \| Card moved on .*\(superseded\)$", text, re.MULTILINE
    )
    assert re.search(r"^Old phone \| .*credential_request_denied", text, re.MULTILINE)
    assert "New phone | This phone: valid" in text
    assert "New phone | Another phone: superseded" in text


def test_a_lost_phone(said: Callable[..., str]) -> None:
    """The holder stops the card, and the office alone gives it to another phone."""
    text = said(lost_phone.main)
    assert "A stranger | Guesses a code: the issuer refused: lost.refused" in text
    assert "Lost phone | The card on it is suspended." in text
    assert re.search(r"\nNew phone \| .*the card is here", text)
    assert text.endswith("Whoever found it has a card that is revoked.\n")


def test_one_id(said: Callable[..., str]) -> None:
    """An airline reads one line for one journey, and for nothing else."""
    text = said(one_id.main)
    assert "It would get the answer, with stay_until and passport_mark." in text
    assert text.count("ABTC gives an entry basis for Singapore") == 1
    refused = re.findall(r"\[(basis\.\w+)\]$", text, re.MULTILINE)
    assert refused == [
        "basis.nonce",
        "basis.audience",
        "basis.passport",
        "basis.destination",
        "basis.arrival",
    ]
    assert "refused: invalid_request (400)" in text  # the same answer once more
    assert "CITIZEN" not in text
