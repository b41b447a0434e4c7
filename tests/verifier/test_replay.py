"""The memory of proofs: repeats, idempotence, and bounds."""

from datetime import UTC, timedelta, tzinfo

import pytest

import verifier
from tests.simulator import NOW, World, b64u, fixed_key, jwk
from tests.verifier.zones import BACK_AT, FORWARD_AT, ZONE
from verifier import _b64

WORLD = World(economies=["AUS", "SGP"])
POLICY = verifier.Policy(economy="SGP")
CARD = WORLD.card()
CODE = WORLD.show(CARD)


def at(seconds: float, code: str = CODE) -> verifier.Decision:
    return WORLD.verify(code, now=NOW + timedelta(seconds=seconds))


def reason(decision: verifier.Decision) -> str | None:
    return None if isinstance(decision, verifier.Accepted) else decision.reason.value


def test_q6_second_showing_is_a_repeat() -> None:
    """The same proof, some seconds later, is reported with the time that has passed."""
    guard = verifier.ReplayGuard(POLICY)
    assert reason(guard.check(at(0))) is None
    found = guard.check(at(9))
    assert reason(found) == "proof.repeat"
    assert isinstance(found, verifier.Undecided)
    assert "9 s" in found.detail


@pytest.mark.parametrize(("seconds", "expected"), [(5, None), (6, "proof.repeat")])
def test_q6_same_scan_is_idempotent(seconds: int, expected: str | None) -> None:
    """A phone held to the scanner for a moment gets the same answer again."""
    guard = verifier.ReplayGuard(POLICY)
    guard.check(at(0))
    assert reason(guard.check(at(seconds))) == expected


@pytest.mark.parametrize("zone", [UTC, ZONE])
@pytest.mark.parametrize("seconds", [-6, 6, 15, 40])
def test_q6_clocks_go_back(seconds: int, zone: tzinfo) -> None:
    """A repeat is a repeat while the clocks change, or while a clock is corrected."""
    world = World(now=BACK_AT - timedelta(seconds=10), economies=["AUS", "SGP"])
    code = world.show(world.card())
    guard = verifier.ReplayGuard(POLICY)
    for offset, expected in ((0, None), (seconds, "proof.repeat")):
        now = world.now + timedelta(seconds=offset)
        decision = world.verify(code, now=now.astimezone(zone))
        assert reason(guard.check(decision)) == expected


def test_q6_clocks_go_forward_and_nothing_is_forgotten() -> None:
    """An hour that only the wall clock skips does not empty the memory."""
    world = World(now=FORWARD_AT - timedelta(seconds=10), economies=["AUS", "SGP"])
    code = world.show(world.card())
    guard = verifier.ReplayGuard(POLICY)
    for offset, expected in ((0, None), (15, "proof.repeat")):
        now = world.now + timedelta(seconds=offset)
        decision = world.verify(code, now=now.astimezone(ZONE))
        assert reason(guard.check(decision)) == expected


def test_q6_after_another_traveller_it_is_a_repeat_at_once() -> None:
    """Idempotence is for the proof handled last, not for any recent one."""
    guard = verifier.ReplayGuard(POLICY)
    guard.check(at(0))
    guard.check(at(1, WORLD.show(CARD, at=NOW + timedelta(seconds=1))))
    assert reason(guard.check(at(2))) == "proof.repeat"


def test_q6_a_new_code_of_the_same_phone_is_no_repeat() -> None:
    """The next tick is a new proof."""
    guard = verifier.ReplayGuard(POLICY)
    guard.check(at(0))
    assert (
        reason(guard.check(at(10, WORLD.show(CARD, at=NOW + timedelta(seconds=10)))))
        is None
    )


def test_j13_another_spelling_of_the_signature_is_a_repeat() -> None:
    """(r, n-s) is the same proof: memory never looks at token text."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    text = WORLD.show(CARD, as_text=True)
    signed, _, signature = text.rpartition(".")
    raw = _b64.decode(signature)
    flipped = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    other = verifier.pack(f"{signed}.{b64u(flipped)}")
    guard = verifier.ReplayGuard(POLICY)
    assert other != CODE
    assert reason(guard.check(at(0))) is None
    assert reason(guard.check(at(9, other))) == "proof.repeat"


def test_memory_lasts_as_long_as_a_proof_can_count() -> None:
    """A proof dated 15 s ahead is good for 60 s, and so long it is remembered."""
    guard = verifier.ReplayGuard(POLICY)
    code = WORLD.show(CARD, at=NOW + timedelta(seconds=15))
    assert reason(guard.check(at(0, code))) is None
    assert reason(guard.check(at(60, code))) == "proof.repeat"
    assert reason(at(60.001, code)) == "proof.stale"


def test_the_smallest_settings() -> None:
    """Room for one proof, and no patience, are settings too."""
    guard = verifier.ReplayGuard(POLICY, capacity=1, same_scan=timedelta(0))
    for _ in range(2):
        assert reason(guard.check(at(0))) is None
    assert reason(guard.check(at(0.001))) == "proof.repeat"


def test_refusals_are_not_remembered() -> None:
    """Only an accepted proof is remembered; a refusal passes through unchanged."""
    guard = verifier.ReplayGuard(POLICY)
    refused = at(60)
    assert reason(refused) == "proof.stale"
    assert guard.check(refused) is refused
    assert guard.remembered == 0


def test_physical_cards_have_no_proof_to_repeat() -> None:
    """A printed code is the same every time."""
    guard = verifier.ReplayGuard(POLICY)
    code = WORLD.show(WORLD.card(form="physical"))
    assert reason(guard.check(at(0, code))) is None
    assert reason(guard.check(at(30, code))) is None


def test_memory_is_bounded() -> None:
    """A flood of phones pushes out the oldest, and time clears the rest."""
    guard = verifier.ReplayGuard(POLICY, capacity=3)
    for number in range(5):
        key = fixed_key(f"phone {number}")
        card = WORLD.card(cnf={"jwk": jwk(key)})
        guard.check(at(0, WORLD.show(card, key=key)))
        assert guard.remembered <= 3
    guard.check(at(70, WORLD.show(CARD, at=NOW + timedelta(seconds=70))))
    assert guard.remembered == 1


@pytest.mark.parametrize(
    "arguments",
    [{"capacity": 0}, {"same_scan": timedelta(-1)}],
)
def test_bad_settings_are_the_callers_bug(arguments: dict[str, object]) -> None:
    """A memory without room or with negative times cannot be made."""
    with pytest.raises(ValueError, match="capacity"):
        verifier.ReplayGuard(POLICY, **arguments)  # type: ignore[arg-type]


def test_memory_lasts_as_long_as_a_proof_could_count() -> None:
    """A device that accepts older proofs remembers them for longer."""
    policy = verifier.Policy(economy="SGP", max_proof_age=timedelta(minutes=10))
    guard = verifier.ReplayGuard(policy)

    def check(seconds: int) -> str | None:
        now = NOW + timedelta(seconds=seconds)
        found = WORLD.verify(CODE, now=now, max_proof_age=policy.max_proof_age)
        return reason(guard.check(found))

    assert check(0) is None
    assert check(590) == "proof.repeat"


def test_q6_after_anything_else_it_is_a_repeat() -> None:
    """A refusal or a repeat in between ends the patience with the first proof."""
    for between in (at(1, CODE[:-3] + "AAA"), at(1, "https://example.org")):
        guard = verifier.ReplayGuard(POLICY)
        guard.check(at(0))
        assert reason(guard.check(between)) is not None
        assert reason(guard.check(at(2))) == "proof.repeat"
        assert reason(guard.check(at(3))) == "proof.repeat"
