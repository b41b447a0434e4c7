"""The officer's code: what a device shows and a phone reads (see also the vectors)."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

import verifier

CHALLENGE = "kZ2mV4pQ9xT1bN7cW5rY8A"


def test_what_the_standard_library_draws_is_a_challenge() -> None:
    """As the documentation tells devices to make one."""
    drawn = secrets.token_urlsafe(16)
    assert verifier.parse_challenge(verifier.challenge_text(drawn)) == drawn


@pytest.mark.parametrize(
    "wrong", ["", CHALLENGE[:-1], f"{CHALLENGE}\n", f"ABTCQ1:{CHALLENGE}", "a" * 87]
)
def test_k4_no_code_is_made_that_no_phone_answers(wrong: str) -> None:
    """A device that would show a short or mistyped challenge is told so."""
    with pytest.raises(ValueError, match="22 to 86"):
        verifier.challenge_text(wrong)


@given(st.text() | st.from_regex(r"ABTCQ1:[A-Za-z0-9_-]{20,88}\n?", fullmatch=True))
def test_q4_one_text_means_one_challenge(text: str) -> None:
    """Whatever is scanned is that challenge to the character, or none."""
    found = verifier.parse_challenge(text)
    assert found is None or verifier.challenge_text(found) == text
