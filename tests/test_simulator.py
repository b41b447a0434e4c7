"""The simulator itself: correct by default, and every change is seen."""

from datetime import timedelta
from typing import Any

import pytest

import verifier
from tests.simulator import ABSENT, NOW, SCHEME, World, fixed_key

WORLD = World()


def reason(decision: verifier.Decision) -> str:
    return "" if isinstance(decision, verifier.Accepted) else decision.reason


@pytest.mark.parametrize("form", ["app", "physical"])
@pytest.mark.parametrize("issuer", SCHEME.economies)
def test_every_economys_card_is_accepted(issuer: str, form: str) -> None:
    """At a destination and at home, as a code and as text."""
    card = WORLD.card(issuer, form)
    for destination in ("SGP", issuer):
        for as_text in (False, True):
            shown = WORLD.show(card, as_text=as_text)
            assert reason(WORLD.verify(shown, destination)) == ""


def test_equal_calls_give_equal_text() -> None:
    """Fixed keys, deterministic signatures, fixed time."""
    assert World().show(World().card()) == WORLD.show(WORLD.card())
    assert World().documents() == WORLD.documents()
    assert WORLD.trust().problems == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"exp": "soon"}, "card.malformed"),
        ({"birthdate": ABSENT}, "card.malformed"),
        ({"header": {"crit": []}}, "card.malformed"),
        ({"header": {"typ": ABSENT}}, "card.malformed"),
        ({"header": b"{}"}, "card.malformed"),
        ({"payload": b"[]"}, "card.malformed"),
        ({"header": {"kid": "other"}}, "trust.unknown_key"),
        ({"key": fixed_key("forger")}, "signature.invalid"),
    ],
)
def test_a_changed_card_is_seen(changes: dict[str, Any], expected: str) -> None:
    """Claims, header, raw bytes, key."""
    shown = WORLD.show(WORLD.card(**changes), as_text=True)
    assert reason(WORLD.verify(shown)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"at": NOW - timedelta(seconds=46)}, "proof.stale"),
        ({"key": fixed_key("thief")}, "proof.device"),
        ({"aud": "urn:other"}, "proof.audience"),
        ({"sd_hash": ABSENT}, "card.malformed"),
        ({"header": {"typ": "jwt"}}, "card.malformed"),
        ({"challenge": "c" * 22}, "proof.nonce"),
    ],
)
def test_a_changed_proof_is_seen(changes: dict[str, Any], expected: str) -> None:
    """Moment, key, claims, header, challenge."""
    shown = WORLD.show(WORLD.card(), as_text=True, **changes)
    assert reason(WORLD.verify(shown)) == expected


def test_lists_and_documents_change() -> None:
    """States set, tokens changed, documents replaced and left out."""
    world = World()
    shown = world.show(world.card())
    world.set_overlay(1)
    decision = world.verify(shown)
    assert isinstance(decision, verifier.Accepted)
    assert decision.entitlement.entry.reason == "entry.withdrawn"
    world.set_status(2)
    assert reason(world.verify(shown)) == "status.suspended"
    name = "AUS/status/1.jwt"
    for trust, expected in [
        (world.trust(without=[name]), "status.missing"),
        (world.trust(replace={name: b""}), "status.unusable"),
        (
            world.trust(replace={name: world.list_token(name, sub="https://x.y")}),
            "status.unusable",
        ),
        (world.trust(issued_at=NOW - timedelta(days=8)), "trust.stale"),
    ]:
        assert reason(world.verify(shown, trust=trust)) == expected


def test_a_small_world_knows_few_economies() -> None:
    """Others are unknown issuers; the destination's overlays are there."""
    world = World(economies=["AUS"])
    assert reason(world.verify(world.show(world.card()))) == ""
    other = world.show(world.card("NZL"))
    assert reason(world.verify(other)) == "trust.unknown_issuer"
