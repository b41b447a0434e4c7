"""The reference phone."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import verifier
from tests.simulator import NOW, World
from wallet_api.holder import RENEWAL, CredentialError, Phone

WORLD = World()
SECOND = timedelta(seconds=1)
CHALLENGE = "Zm9yIHRoaXMgc2NhbiBvbmx5"


def phone_with_card() -> Phone:
    phone = Phone()
    phone.receive(WORLD.card(cnf={"jwk": phone.cnf_jwk()}))
    return phone


PHONE = phone_with_card()


def reason(shown: str, **changes: Any) -> str:
    decision = WORLD.verify(shown, **changes)
    return "" if isinstance(decision, verifier.Accepted) else decision.reason


# Receiving


def test_a_phone_has_a_key_of_its_own() -> None:
    """Made in memory, and only its public half leaves."""
    first, second = Phone().cnf_jwk(), Phone().cnf_jwk()
    assert first != second
    assert list(first) == ["kty", "crv", "x", "y"]


def test_k11_a_card_for_plastic_is_refused() -> None:
    """A plastic card names no phone."""
    with pytest.raises(CredentialError, match="plastic"):
        Phone().receive(WORLD.card(issuer="KOR", form="physical"))


def test_k3_a_card_for_another_phone_is_refused() -> None:
    """The key in it has to be this phone's."""
    with pytest.raises(CredentialError, match="another phone"):
        Phone().receive(WORLD.card())


def test_k1_a_card_with_a_proof_is_refused() -> None:
    """Somebody else has shown it already."""
    phone = Phone()
    card = WORLD.card(cnf={"jwk": phone.cnf_jwk()})
    with pytest.raises(CredentialError, match="proof made elsewhere"):
        phone.receive(card + WORLD.proof(card))


@pytest.mark.parametrize("text", ["", "~", "a.b.c~", "ABTC1:00~", "x" * 9000 + "~"])
def test_something_else_is_refused(text: str) -> None:
    """Whatever it is, the phone says so and goes on."""
    with pytest.raises(CredentialError):
        Phone().receive(text)


def test_q10_a_card_that_cannot_be_shown_is_refused() -> None:
    """A card with its members in another order has no code."""
    phone = Phone()
    claims = {**WORLD.claims(), "cnf": {"jwk": phone.cnf_jwk()}}
    shuffled = dict(reversed(claims.items()))
    with pytest.raises(CredentialError, match="no card of this scheme"):
        phone.receive(WORLD.card(payload=json.dumps(shuffled).encode()))


def test_a_newer_card_takes_the_place_of_the_old() -> None:
    """A refresh is shown at once; a refusal leaves the card that was there."""
    phone = phone_with_card()
    newer = WORLD.card(cnf={"jwk": phone.cnf_jwk()}, document_number="B2")
    phone.receive(newer)
    assert verifier.unpack(phone.show(NOW)).startswith(newer)
    with pytest.raises(CredentialError):
        phone.receive(WORLD.card())
    assert verifier.unpack(phone.show(NOW)).startswith(newer)


def test_a_phone_without_a_card_shows_nothing() -> None:
    """There is nothing to make a proof for."""
    phone = Phone()
    shows: list[Callable[[], str]] = [
        lambda: phone.show(NOW),
        lambda: phone.answer(CHALLENGE, NOW),
        lambda: phone.present("https://air.example", "n", NOW),
    ]
    for show in shows:
        with pytest.raises(CredentialError, match="no card"):
            show()


# Showing


def test_a_code_is_accepted_now() -> None:
    """With a proof made at this moment, for a border, without a challenge."""
    shown = PHONE.show(NOW)
    assert shown.startswith("ABTC1:")
    assert reason(shown) == ""
    assert reason(shown, challenge=CHALLENGE) == "proof.challenge"


def test_an_answer_is_accepted_for_its_challenge_only() -> None:
    """The officer's challenge is the nonce."""
    for expected, answer in [
        (CHALLENGE, ""),
        (CHALLENGE[::-1], "proof.nonce"),
        (None, "proof.nonce"),
    ]:
        assert reason(PHONE.answer(CHALLENGE, NOW), challenge=expected) == answer


@pytest.mark.parametrize(
    "challenge", ["", "c" * 21, "c" * 87, "iat.1894708800" + "c" * 9]
)
def test_what_is_no_challenge_is_not_answered(challenge: str) -> None:
    """Too short, too long, or a nonce of another moment in disguise."""
    with pytest.raises(ValueError, match="not a challenge"):
        PHONE.answer(challenge, NOW)


def test_others_are_shown_text_for_themselves() -> None:
    """An airline's proof is no good at a border."""
    nonce = "n" * 22
    shown = PHONE.present("https://air.example", nonce, NOW)
    assert shown.count("~") == 1
    assert reason(shown, challenge=nonce, audience="https://air.example") == ""
    assert reason(shown, challenge=nonce) == "proof.audience"


@pytest.mark.parametrize(
    ("audience", "nonce"),
    [("urn:abtc:border", "n"), ("", "n"), ("a b", "n"), ("a", ""), ("a", "n" * 257)],
)
def test_nobody_else_gets_a_borders_proof(audience: str, nonce: str) -> None:
    """A relay that asks in the border's name is refused."""
    with pytest.raises(ValueError, match=r"printable|a border is shown a code"):
        PHONE.present(audience, nonce, NOW)


def test_a_moment_needs_an_offset() -> None:
    """A naive clock is the caller's mistake."""
    naive = NOW.replace(tzinfo=None)
    for show in (PHONE.show, PHONE.next_renewal):
        with pytest.raises(ValueError, match="no UTC offset"):
            show(naive)


# Rotation


def life_left(made: datetime, looked_at: datetime) -> int:
    """Whole seconds for which the code of ``made`` is still accepted."""
    shown = PHONE.show(made)
    return max(
        (i for i in range(61) if reason(shown, now=looked_at + i * SECOND) == ""),
        default=-1,
    )


@given(st.integers(0, 999_999), st.integers(0, 9_999), st.integers(-15_000, 15_000))
def test_t6_a_displayed_code_has_20_seconds_left(
    made_us: int, shown_ms: int, ahead_ms: int
) -> None:
    """At any instant on the screen, with a verifier's clock up to 15 s off."""
    made = NOW + timedelta(microseconds=made_us)
    looked_at = min(
        made + timedelta(milliseconds=shown_ms),
        PHONE.next_renewal(made) - timedelta(milliseconds=1),
    )
    clock = looked_at + timedelta(milliseconds=ahead_ms)
    shown = PHONE.show(made)
    assert reason(shown, now=clock) == ""
    assert reason(shown, now=clock + 20 * SECOND) == ""


def test_t6_the_worst_case_has_exactly_20_seconds() -> None:
    """At the end of its turn, to a clock 15 s ahead: 20 s, and no more."""
    made = NOW + timedelta(microseconds=999_999)
    clock = PHONE.next_renewal(made) + 15 * SECOND
    assert life_left(made, clock) == 20
    assert PHONE.next_renewal(made) == NOW + RENEWAL


def test_t1_a_phone_makes_no_proof_of_another_moment() -> None:
    """The proof carries the moment given, cut to the second; never a later one."""
    for at in (NOW, NOW + timedelta(microseconds=999_999)):
        decision = WORLD.verify(PHONE.show(at))
        assert decision.evidence.proof_issued_at == NOW
