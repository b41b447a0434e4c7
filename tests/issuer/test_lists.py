"""Indexes, states, and the tokens that carry them."""

import base64
import secrets
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import product
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey

import verifier
from issuer.errors import ListFull, SigningError, TransitionError
from issuer.lists import (
    Overlay,
    OverlayStates,
    Status,
    StatusStates,
    draw_index,
    is_due_for_next_list,
    overlay_token,
    status_token,
)
from tests.simulator import NOW, FixedSigner, World, fixed_key, jwk
from tests.simulator import status_token as independent_token

SIGNER = FixedSigner.of("AUS", "status")
URI = "https://abtc.example/AUS/status/1"
OVERLAY_URI = "https://abtc.example/SGP/overlay/AUS/1"
STATES = StatusStates.of({7: Status.REVOKED}, capacity=64)


def token(states: StatusStates = STATES, **changes: Any) -> bytes:
    known: dict[str, Any] = {
        "uri": URI,
        "iat": NOW,
        "exp": NOW + timedelta(days=3),
        "ttl": timedelta(hours=1),
        "signer": SIGNER,
    }
    return status_token(states, **{**known, **changes})


# Indexes


def test_s10_every_index_is_drawn_once() -> None:
    """A list is filled to its last place without a repetition, in no order."""
    used: set[int] = set()
    drawn = []
    for _ in range(256):
        drawn.append(draw_index(used, 256))
        used.add(drawn[-1])
    assert sorted(drawn) == list(range(256))
    assert drawn != sorted(drawn)


def test_r3_a_full_list_says_so() -> None:
    """No wrap-around, and nothing drawn a second time."""
    with pytest.raises(ListFull, match="all 8 indexes"):
        draw_index(range(8), 8)


@pytest.mark.parametrize("free", [{3}, {0, 255}, {1, 77, 78, 200}])
def test_s10_the_last_free_indexes_are_as_likely(free: set[int]) -> None:
    """Nearly full, where drawing at random mostly fails: still uniform."""
    used = set(range(256)) - free
    rounds = 400
    drawn = Counter(draw_index(used, 256) for _ in range(rounds))
    assert drawn.keys() == free
    assert min(drawn.values()) > rounds / len(free) * 0.6


def test_s10_the_fallback_is_uniform_by_construction() -> None:
    """Where every draw hits a used index, the free ones are drawn by rank."""

    def unlucky(rank: int) -> Callable[[int], int]:
        return lambda below: rank if below == 3 else 0

    used = {*range(64)} - {9, 33, 60}
    drawn = [draw_index(used, 64, randbelow=unlucky(rank)) for rank in range(3)]
    assert drawn == [9, 33, 60]


def test_s10_indexes_spread_over_the_whole_list() -> None:
    """Of 2**17 places, 1,000 draws use both halves and never collide."""
    used: set[int] = set()
    for _ in range(1000):
        used.add(draw_index(used, 2**17, randbelow=secrets.randbelow))
    assert len(used) == 1000
    assert 400 < sum(index < 2**16 for index in used) < 600


@pytest.mark.parametrize(
    ("used", "capacity", "is_due"),
    [
        (0, 10, False),
        (7, 10, False),
        (8, 10, True),
        (10, 10, True),
        (104857, 2**17, False),
        (104858, 2**17, True),
    ],
)
def test_r3_the_next_list_opens_at_80_percent(
    used: int, capacity: int, is_due: bool
) -> None:
    """On both sides of the mark."""
    assert is_due_for_next_list(used, capacity) is is_due


# States

MAY_CHANGE = {
    (Status.VALID, Status.REVOKED),
    (Status.VALID, Status.SUSPENDED),
    (Status.VALID, Status.SUPERSEDED),
    (Status.SUSPENDED, Status.VALID),
    (Status.SUSPENDED, Status.REVOKED),
    (Status.SUSPENDED, Status.SUPERSEDED),
}


@pytest.mark.parametrize(("before", "after"), [*product(Status, Status)])
def test_s11_an_ended_credential_never_returns(before: Status, after: Status) -> None:
    """From 1 and 3 there is no way, whatever the reason given."""
    states = StatusStates.of({2: before}, capacity=8)
    if before == after or (before, after) in MAY_CHANGE:
        changed = states.with_state(2, after, reason="an appeal")
        assert changed == StatusStates.of({2: after}, capacity=8)
    else:
        with pytest.raises(TransitionError) as caught:
            states.with_state(2, after, reason="an appeal")
        assert (caught.value.before, caught.value.after) == (before, after)
    assert states.state(2) == before


@pytest.mark.parametrize("reason", ["", "  "])
def test_s11_lifting_a_suspension_needs_a_reason(reason: str) -> None:
    """A blank is none."""
    states = StatusStates.of({2: Status.SUSPENDED}, capacity=8)
    with pytest.raises(TransitionError, match="2 to 0: lifting"):
        states.with_state(2, Status.VALID, reason=reason)


@pytest.mark.parametrize(("before", "after"), [*product(Overlay, Overlay)])
def test_an_overlay_moves_freely(before: Overlay, after: Overlay) -> None:
    """A destination may withdraw, suspend, grant and think again."""
    states = OverlayStates.of({5: before}, capacity=8)
    assert states.with_state(5, after).state(5) == after


@given(
    st.dictionaries(st.integers(0, 63), st.sampled_from(Status)),
    st.integers(0, 63),
    st.sampled_from(Status),
)
def test_a_change_leaves_every_other_state(
    states: dict[int, Status], index: int, state: Status
) -> None:
    """One entry changes, its neighbours in the byte do not."""
    states[index] = Status.VALID
    before = StatusStates.of(states, capacity=64)
    after = before.with_state(index, state)
    expected = {**dict.fromkeys(range(64), Status.VALID), **states, index: state}
    assert {i: after.state(i) for i in range(64)} == expected
    assert before.state(index) == Status.VALID


def test_an_index_beyond_the_list_is_the_callers_mistake() -> None:
    """Below 0 and at the capacity; a capacity has whole bytes."""
    for index in (-1, 64):
        with pytest.raises(ValueError, match="is not below 64"):
            STATES.state(index)
        with pytest.raises(ValueError, match="is not below 64"):
            STATES.with_state(index, Status.REVOKED)
        with pytest.raises(ValueError, match="is not below 64"):
            OverlayStates.of({}, capacity=64).with_state(index, Overlay.GRANTED)
        with pytest.raises(ValueError, match="is not below 64"):
            StatusStates.of({index: Status.REVOKED}, capacity=64)
    for capacity in (0, -4, 6, 2**20 + 4, 2**62):
        with pytest.raises(ValueError, match="no multiple of 4 to 1048576"):
            StatusStates.of({}, capacity=capacity)
    with pytest.raises(ValueError, match="no multiple of 4"):
        StatusStates(entries=b"")
    with pytest.raises(ValueError, match="4 is not a valid Status"):
        StatusStates.of({0: cast("Status", 4)}, capacity=64)


# Tokens


def decoded(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, by a JOSE library that is not ours."""
    key = ECKey.import_key(cast("Any", jwk(fixed_key("AUS-status"))))
    read = jwt.decode(data.decode(), key, algorithms=["ES256"])
    return read.header, read.claims


def inflated(claims: dict[str, Any]) -> bytes:
    text = claims["status_list"]["lst"]
    return zlib.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def test_s5_the_drafts_example_has_its_bytes() -> None:
    """The 2-bit example of the Token Status List draft: C9 44 F9."""
    listed = dict(enumerate([1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]))
    states = StatusStates.of({i: Status(s) for i, s in listed.items()}, capacity=12)
    assert states.entries == bytes.fromhex("c944f9")
    header, claims = decoded(token(states))
    assert inflated(claims) == bytes.fromhex("c944f9")
    assert claims["status_list"] == {"bits": 2, "lst": "eNo76fITAAPfAgc"}
    assert header == {"alg": "ES256", "kid": "AUS-status", "typ": "statuslist+jwt"}


def test_a_status_token_says_all() -> None:
    """Exactly these members, read by another library."""
    _, claims = decoded(token())
    assert claims == {
        "sub": URI,
        "iat": 1894708800,
        "exp": 1894708800 + 3 * 86_400,
        "ttl": 3600,
        "status_list": {"bits": 2, "lst": claims["status_list"]["lst"]},
    }
    assert inflated(claims) == bytes([0, 0b01 << 6, *bytes(14)])
    assert "ttl" not in decoded(token(ttl=None))[1]


def test_equal_lists_give_equal_bytes() -> None:
    """All but the signature follows from the arguments; moments are cut to seconds."""
    other = token(iat=NOW + timedelta(microseconds=999_999))
    assert other.rpartition(b".")[0] == token().rpartition(b".")[0]
    independent = independent_token(
        URI, {7: 1}, economy="AUS", iat=NOW, exp=decoded(token())[1]["exp"]
    )
    assert independent == token()


@pytest.mark.parametrize("state", Status)
def test_s7_the_verifier_reads_every_state(state: Status) -> None:
    """Revoked, suspended and superseded are told apart; valid is accepted."""
    world = World()
    states = StatusStates.of({7: state}, capacity=64)
    listed = token(states, iat=NOW - timedelta(hours=1))
    trust = world.trust(replace={"AUS/status/1.jwt": listed})
    decision = world.verify(world.show(world.card()), trust=trust)
    if state == Status.VALID:
        assert isinstance(decision, verifier.Accepted)
    else:
        assert isinstance(decision, verifier.Rejected)
        assert decision.reason == f"status.{state.name.lower()}"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (Overlay.AS_THE_CARD_SAYS, "entry.cleared"),
        (Overlay.WITHDRAWN, "entry.withdrawn"),
        (Overlay.SUSPENDED, "entry.suspended"),
        (Overlay.GRANTED, "entry.granted"),
    ],
)
def test_s13_the_verifier_reads_every_overlay(state: Overlay, reason: str) -> None:
    """The destination's own list decides about entry."""
    world = World()
    listed = overlay_token(
        OverlayStates.of({7: state}, capacity=64),
        uri=OVERLAY_URI,
        iat=NOW - timedelta(hours=1),
        exp=NOW + timedelta(days=3),
        ttl=None,
        signer=FixedSigner.of("SGP", "status"),
    )
    trust = world.trust(replace={"SGP/overlay/AUS/1.jwt": listed})
    decision = world.verify(world.show(world.card()), trust=trust)
    assert isinstance(decision, verifier.Accepted)
    assert decision.entitlement.entry.reason == reason


def test_a_usual_list_is_small() -> None:
    """2**17 credentials of which 1 % are revoked: 2 kB, as a signed token 4."""
    capacity = 2**17
    digests = (sha256(b"%d" % i).digest() for i in range(capacity // 100))
    revoked = {int.from_bytes(digest, "big") % capacity for digest in digests}
    states = StatusStates.of(dict.fromkeys(revoked, Status.REVOKED), capacity=capacity)
    assert len(states.entries) == 32_768
    signed = token(states)
    packed = decoded(signed)[1]["status_list"]["lst"]
    assert 1_700 < len(packed) * 3 // 4 < 2_300
    assert len(signed) < 4_000


def test_h3_a_garbled_list_is_not_released() -> None:
    """The signature of a list is checked like every other."""
    with pytest.raises(SigningError):
        token(signer=_Garbling())


class _Garbling(FixedSigner):
    def __init__(self) -> None:
        super().__init__(key_id="AUS-status", use="status", name="AUS-status")

    def sign(self, data: bytes) -> bytes:
        return super().sign(data + b"!")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"signer": FixedSigner.of("AUS", "card")}, "is a card key"),
        ({"uri": OVERLAY_URI}, "of kind status"),
        ({"uri": "https://abtc.example/AUS/status/01"}, "of kind status"),
        ({"uri": "https://abtc.example/AUS/status/"}, "of kind status"),
        ({"uri": "http://abtc.example/AUS/status/1"}, "of kind status"),
        ({"uri": f"https://{'a' * 200}/status/1"}, "of kind status"),
        ({"exp": NOW}, "exp is not after iat"),
        ({"exp": NOW + timedelta(microseconds=1)}, "exp is not after iat"),
        ({"ttl": timedelta(0)}, "less than a second"),
        ({"iat": NOW.replace(tzinfo=None)}, "no UTC offset"),
        ({"exp": datetime.max.replace(tzinfo=NOW.tzinfo)}, "1970 to 2100"),
    ],
)
def test_callers_mistakes_sign_nothing(change: dict[str, Any], reason: str) -> None:
    """A card key, another kind of list, an empty period."""
    with pytest.raises(ValueError, match=reason):
        token(**change)


def test_an_overlay_is_signed_under_an_overlays_name() -> None:
    """Not under that of a status list."""
    with pytest.raises(ValueError, match="of kind overlay"):
        overlay_token(
            OverlayStates.of({}, capacity=64),
            uri=URI,
            iat=NOW,
            exp=NOW + timedelta(days=3),
            ttl=None,
            signer=SIGNER,
        )
