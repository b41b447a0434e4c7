"""What a phone shares in the place of its card: believed only for just this question.

The texts are put together here, from docs/one-id.md: nothing of the issuer's code.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import verifier
from tests.examples.desk_scene import passport
from tests.simulator import (
    ABSENT,
    NOW,
    PUBLISHED,
    World,
    b64u,
    changed,
    compact_json,
    fixed_key,
    jwk,
    jws,
    seconds,
)
from verifier import BasisDoubt, BasisFault

CLIENT = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk"
NONCE = "n" * 43
JANE = verifier.Passport.from_mrz(passport())
OTHER = verifier.Passport.from_mrz(passport("PA7654321"))
SALT = bytes(range(16))
MARK = hashlib.scrypt(b"AUS:PA1234567", salt=SALT, n=2**14, r=8, p=1, dklen=32)
HIDDEN: Mapping[str, object] = {
    "stay_until": "2030-03-18",
    "form": "app",
    "passport": {"country": "AUS", "number_end": "567"},
    "passport_mark": {"salt": b64u(SALT), "scrypt": b64u(MARK)},
}
DAY = timedelta(days=1)


def disclosure(name: object, value: object, salt: object = "s" * 22) -> str:
    return b64u(compact_json([salt, name, value]))


def digest(text: str) -> str:
    return b64u(hashlib.sha256(text.encode()).digest())


@dataclass
class Proofs:
    """Good ones by default, one change per test."""

    world: World = field(default_factory=World)
    disclosures: dict[str, str] = field(
        default_factory=lambda: {
            name: disclosure(name, value) for name, value in HIDDEN.items()
        }
    )

    def issued(
        self,
        *,
        header: Mapping[str, object] | None = None,
        key: str = "",
        **claims: Any,
    ) -> str:
        """The issuer's JWT."""
        made: dict[str, object] = {
            "iss": "https://abtc.example/AUS",
            "vct": "urn:abtc:entry-basis:1",
            "iat": seconds(NOW - timedelta(minutes=1)),
            "exp": seconds(NOW + timedelta(hours=6)),
            "cnf": {"jwk": jwk(fixed_key("fresh"))},
            "destination": "SGP",
            "arrival": "2030-01-18",
            "answer": "gives",
            "data_as_of": seconds(NOW - PUBLISHED),
            "_sd_alg": "sha-256",
            "_sd": sorted(map(digest, self.disclosures.values())),
        }
        members = {"alg": "ES256", "kid": "AUS-status", "typ": "dc+sd-jwt"}
        return jws(
            changed(members, header or {}),
            changed(made, claims),
            fixed_key(key or "AUS-status"),
        )

    def shown(self, *names: str, **changes: Any) -> str:
        """The issuer's JWT and some disclosures, or all of them."""
        kept = [self.disclosures[name] for name in names or self.disclosures]
        return "".join(f"{each}~" for each in (self.issued(**changes), *kept))

    def bound(self, text: str, **changes: Any) -> str:
        """With the phone's proof."""
        known = {"key": fixed_key("fresh"), "aud": CLIENT, "nonce": NONCE}
        return text + self.world.proof(text, **{**known, **changes})

    def decide(self, text: str, **changes: Any) -> verifier.BasisDecision:
        usual: dict[str, Any] = {
            "trust": self.world.trust(),
            "policy": verifier.Policy(economy="SGP", audience=CLIENT),
            "expected_arrival": date(2030, 1, 18),
            "expected_passport": JANE,
            "expected_nonce": NONCE,
            "now": NOW,
        }
        return verifier.verify_entry_basis(text, **{**usual, **changes})


@pytest.fixture
def proofs() -> Proofs:
    return Proofs()


def reason(found: verifier.BasisDecision) -> BasisFault | BasisDoubt:
    assert isinstance(found, verifier.BasisRefused | verifier.BasisUndecided)
    return found.reason


def proven(found: verifier.BasisDecision) -> verifier.ProvenBasis:
    assert isinstance(found, verifier.BasisProven), found
    return found.basis


# Proven


def test_a_good_one_says_what_was_asked(proofs: Proofs) -> None:
    """The issuer by its key, the journey, until when it is good; and the passport."""
    basis = proven(proofs.decide(proofs.bound(proofs.shown())))
    assert basis == verifier.ProvenBasis(
        economy="AUS",
        key_id="AUS-status",
        destination="SGP",
        arrival=date(2030, 1, 18),
        issued_at=NOW - timedelta(minutes=1),
        expires_at=NOW + timedelta(hours=6),
        data_as_of=NOW - PUBLISHED,
        holder_key=basis.holder_key,
        stay_until=date(2030, 3, 18),
        form="app",
        passport_country="AUS",
        passport_number_end="567",
        is_passport_matched=True,
    )


def test_what_a_phone_keeps_back_is_not_there(proofs: Proofs) -> None:
    """Destination and day alone: no stay, no form, nothing of a passport."""
    text = proofs.bound(f"{proofs.issued()}~")
    basis = proven(proofs.decide(text, expected_passport=None))
    hidden = (basis.stay_until, basis.form, basis.passport_country)
    assert hidden == (None, None, None)
    assert not basis.is_passport_matched


def test_the_mark_alone_matches_a_passport(proofs: Proofs) -> None:
    """A desk that has the passport learns nothing of it that it did not have."""
    basis = proven(proofs.decide(proofs.bound(proofs.shown("passport_mark"))))
    assert basis.is_passport_matched
    assert basis.passport_number_end is None


def test_a_decision_is_no_bool(proofs: Proofs) -> None:
    with pytest.raises(TypeError):
        bool(proofs.decide(proofs.bound(proofs.shown())))


# Another question


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"policy": verifier.Policy(economy="NZL", audience=CLIENT)},
         BasisFault.DESTINATION),
        ({"expected_arrival": date(2030, 1, 19)}, BasisFault.ARRIVAL),
        ({"expected_passport": OTHER}, BasisFault.PASSPORT),
        ({"expected_nonce": "m" * 43}, BasisFault.NONCE),
        ({"policy": verifier.Policy(economy="SGP", audience="x509_hash:other")},
         BasisFault.AUDIENCE),
        ({"now": NOW + timedelta(minutes=1)}, BasisDoubt.PROOF_STALE),
        ({"now": NOW - timedelta(seconds=16)}, BasisDoubt.PROOF_AHEAD),
    ],
)  # fmt: skip
def test_k4_it_is_good_for_one_question(
    proofs: Proofs, changes: dict[str, Any], expected: BasisFault | BasisDoubt
) -> None:
    """Another destination, day, passport, request or desk, and another time."""
    found = proofs.decide(proofs.bound(proofs.shown()), **changes)
    assert reason(found) is expected


def test_another_passport_shows_by_its_end_alone(proofs: Proofs) -> None:
    text = proofs.bound(proofs.shown("passport"))
    found = proofs.decide(text, expected_passport=OTHER)
    assert reason(found) is BasisFault.PASSPORT


def test_a_passport_of_the_same_end_is_not_proven_the_same(proofs: Proofs) -> None:
    """Three characters are for people's eyes; a machine wants the mark."""
    like = verifier.Passport(country="AUS", number="XX9999567")
    text = proofs.bound(proofs.shown("passport"))
    assert reason(proofs.decide(text)) is BasisDoubt.PASSPORT_UNSHOWN
    assert (
        reason(proofs.decide(text, expected_passport=like))
        is BasisDoubt.PASSPORT_UNSHOWN
    )
    text = proofs.bound(proofs.shown("passport_mark"))
    assert reason(proofs.decide(text, expected_passport=like)) is BasisFault.PASSPORT


# Time


def test_t1_it_ends(proofs: Proofs) -> None:
    """At its own end, to the second."""
    ends = NOW + timedelta(hours=6)
    text = proofs.bound(proofs.shown(), at=ends)
    assert reason(proofs.decide(text, now=ends)) is BasisFault.EXPIRED
    before = ends - timedelta(seconds=1)
    proven(proofs.decide(proofs.bound(proofs.shown(), at=before), now=before))


def test_t2_one_from_the_future_is_not_believed(proofs: Proofs) -> None:
    for ahead, expected in ((60, None), (61, BasisDoubt.NOT_YET)):
        at = NOW + timedelta(seconds=ahead)
        text = proofs.bound(proofs.shown(iat=seconds(at)))
        found = proofs.decide(text)
        assert expected is None or reason(found) is expected
        assert (expected is None) == isinstance(found, verifier.BasisProven)


@pytest.mark.parametrize("hours", [72, 73])
def test_no_issuer_makes_one_that_lasts(proofs: Proofs, hours: int) -> None:
    """Nothing recalls one, so it must not live for long."""
    issued = NOW - timedelta(minutes=1)
    text = proofs.bound(proofs.shown(exp=seconds(issued + timedelta(hours=hours))))
    found = proofs.decide(text)
    assert isinstance(found, verifier.BasisProven) == (hours == 72)


def test_t5_old_trust_data_decides_nothing(proofs: Proofs) -> None:
    late = NOW + 7 * DAY
    claims = {"iat": seconds(late), "exp": seconds(late + timedelta(hours=1))}
    text = proofs.bound(proofs.shown(**claims), at=late)
    assert reason(proofs.decide(text, now=late)) is BasisDoubt.TRUST_STALE


def test_t4_a_clock_set_back_is_noticed(proofs: Proofs) -> None:
    trust = proofs.world.trust(time_floor=NOW + timedelta(minutes=6))
    found = proofs.decide(proofs.bound(proofs.shown()), trust=trust)
    assert reason(found) is BasisDoubt.CLOCK


def test_d7_a_key_signs_in_its_period_only(proofs: Proofs) -> None:
    iat = NOW - 366 * DAY  # before the key's period
    claims = {"iat": seconds(iat), "exp": seconds(iat + DAY)}
    text = proofs.bound(proofs.shown(**claims, data_as_of=seconds(iat)))
    assert reason(proofs.decide(text)) is BasisFault.KEY_WINDOW


# Who says it


def test_j7_a_card_key_signs_none(proofs: Proofs) -> None:
    """Nor can a card be signed with the key that signs these."""
    header = {"kid": "AUS-card"}
    text = proofs.bound(proofs.shown(header=header, key="AUS-card"))
    assert reason(proofs.decide(text)) is BasisDoubt.UNKNOWN_KEY
    world = proofs.world
    card = world.card(header={"kid": "AUS-status"}, key=fixed_key("AUS-status"))
    decision = world.verify(world.show(card))
    assert isinstance(decision, verifier.Undecided)
    assert decision.reason is verifier.UndecidedReason.UNKNOWN_KEY


def test_j7_a_card_is_no_proof_and_a_proof_no_card(proofs: Proofs) -> None:
    """Each is refused by the other's reader."""
    world = proofs.world
    card = world.show(world.card(), as_text=True, aud=CLIENT, nonce=NONCE)
    assert reason(proofs.decide(card)) is BasisFault.MALFORMED
    decision = world.verify(proofs.bound(proofs.shown()))
    assert isinstance(decision, verifier.Rejected)
    assert decision.reason is verifier.RejectReason.MALFORMED


def test_j12_a_signature_of_somebody_else_is_none(proofs: Proofs) -> None:
    text = proofs.bound(proofs.shown(key="NZL-status"))
    assert reason(proofs.decide(text)) is BasisFault.SIGNATURE


def test_j5_unknown_issuers_and_keys_are_not_refused(proofs: Proofs) -> None:
    """Newer trust data could know them."""
    text = proofs.bound(proofs.shown(iss="https://abtc.example/ZZZ"))
    assert reason(proofs.decide(text)) is BasisDoubt.UNKNOWN_ISSUER
    text = proofs.bound(proofs.shown(header={"kid": "AUS-status-9"}))
    assert reason(proofs.decide(text)) is BasisDoubt.UNKNOWN_KEY


def test_a_test_issuer_proves_nothing(proofs: Proofs) -> None:
    trust = proofs.world.trust().for_training()
    found = proofs.decide(proofs.bound(proofs.shown()), trust=trust)
    assert reason(found) is BasisFault.TEST


# The phone's proof


def test_k1_without_the_phone_it_is_a_copy(proofs: Proofs) -> None:
    assert reason(proofs.decide(proofs.shown())) is BasisFault.PROOF_MISSING


def test_k2_a_proof_is_for_what_was_disclosed(proofs: Proofs) -> None:
    """Nobody on the way adds a disclosure, takes one out, or changes their order."""
    whole = proofs.shown()
    proof = proofs.bound(whole).removeprefix(whole)
    names = list(HIDDEN)
    for other in (names[:3], names[::-1]):
        found = proofs.decide(proofs.shown(*other) + proof, expected_passport=None)
        assert reason(found) is BasisFault.BINDING


def test_k3_another_phone_cannot_show_it(proofs: Proofs) -> None:
    for name in ("holder", "AUS-status"):
        text = proofs.bound(proofs.shown(), key=fixed_key(name))
        assert reason(proofs.decide(text)) is BasisFault.DEVICE


@pytest.mark.parametrize("claim", ["iat", "aud", "nonce", "sd_hash"])
def test_k4_a_proof_says_everything(proofs: Proofs, claim: str) -> None:
    text = proofs.bound(proofs.shown(), **{claim: ABSENT})
    assert reason(proofs.decide(text)) is BasisFault.MALFORMED


# Malformed


@pytest.mark.parametrize(
    "claims",
    [
        {"answer": "does_not_give"},
        {"answer": True},
        {"vct": "urn:abtc:card:1"},
        {"destination": "sgp"},
        {"destination": ["SGP"]},
        {"arrival": "20300118"},
        {"arrival": "2030-02-30"},
        {"arrival": 20300118},
        {"iat": "1894708740"},
        {"iat": True},
        {"exp": seconds(NOW - timedelta(minutes=1))},
        {"data_as_of": seconds(NOW)},
        {"iss": 7},
        {"iss": "https://ABTC.example/AUS"},
        {"cnf": {"kid": "x"}},
        {"cnf": {"jwk": {**jwk(fixed_key("fresh")), "d": "AA"}}},
        {"_sd_alg": "sha-1"},
        {"_sd_alg": ABSENT},
        {"_sd": "x"},
        {"_sd": [7]},
        {"_sd": ["AA"]},
        {"status": {"status_list": {"idx": 7, "uri": "https://abtc.example/AUS/1"}}},
        {"economies": ["SGP"]},
        {"nbf": 1},
        *({name: ABSENT} for name in ("iss", "vct", "iat", "exp", "cnf", "arrival")),
    ],
)
def test_k12_a_claim_that_is_wrong_or_too_much_is_refused(
    proofs: Proofs, claims: dict[str, Any]
) -> None:
    """Nothing is partly believed; and there is no status, by which cards are known."""
    text = proofs.bound(f"{proofs.issued(**claims)}~")
    found = proofs.decide(text, expected_passport=None)
    assert reason(found) is BasisFault.MALFORMED


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"typ": "vc+sd-jwt"},
        {"typ": "statuslist+jwt"},
        {"crit": ["exp"]},
        {"jwk": jwk(fixed_key("fresh"))},
        {"x5c": ["AA"]},
        {"kid": 7},
        {"kid": "../status"},
    ],
)
def test_j1_j4_a_header_has_no_other_members(
    proofs: Proofs, header: dict[str, object]
) -> None:
    text = proofs.bound(proofs.shown(header=header))
    assert reason(proofs.decide(text)) is BasisFault.MALFORMED


def swapped(proofs: Proofs, *texts: str) -> str:
    """One whose issuer has signed for other disclosures."""
    proofs.disclosures = dict(enumerate(texts))  # type: ignore[arg-type]
    return proofs.bound(proofs.shown())


@pytest.mark.parametrize(
    "texts",
    [
        [disclosure("iss", "https://abtc.example/NZL")],
        [disclosure("destination", "NZL")],
        [disclosure("exp", 4_000_000_000)],
        [disclosure("cnf", {})],
        [disclosure("_sd", [])],
        [disclosure("family_name", "CITIZEN")],
        [disclosure("form", "app"), disclosure("form", "physical")],
        [disclosure("form", "paper")],
        [disclosure("form", ["app"])],
        [disclosure("stay_until", 1)],
        [disclosure("form", "app", salt="short")],
        [disclosure("form", "app", salt=7)],
        [disclosure("passport", {"country": "AUS", "number": "PA1234567"})],
        [disclosure("passport", {"country": "AUS", "number_end": "4567"})],
        [disclosure("passport", {"country": "aus", "number_end": "567"})],
        [disclosure("passport_mark", {"salt": "AA", "scrypt": b64u(MARK)})],
        [disclosure("passport_mark", {"salt": b64u(SALT), "scrypt": "AA"})],
        [disclosure("passport_mark", b64u(MARK))],
        [b64u(compact_json(["s" * 22, "app"]))],
        [b64u(compact_json({"s": "app"}))],
        [b64u(b'["ssssssssssssssssssssss","form","app"],"a":[1]')],
        [b64u(b"[" * 20_000)],
        ["!"],
    ],
)
def test_k6_k7_k8_only_what_may_be_hidden_is_disclosed(
    proofs: Proofs, texts: list[str]
) -> None:
    """And only in its own form, also where the issuer has signed for something else."""
    found = proofs.decide(swapped(proofs, *texts))
    assert reason(found) is BasisFault.MALFORMED


def test_k5_a_disclosure_counts_once(proofs: Proofs) -> None:
    """Shown twice, or with a digest that is there twice."""
    one = proofs.disclosures["form"]
    text = proofs.bound(f"{proofs.issued()}~{one}~{one}~")
    assert reason(proofs.decide(text)) is BasisFault.MALFORMED
    text = proofs.bound(f"{proofs.issued(_sd=[digest(one), digest(one)])}~{one}~")
    assert reason(proofs.decide(text)) is BasisFault.MALFORMED


def test_k6_a_disclosure_that_nobody_signed_is_refused(proofs: Proofs) -> None:
    own = disclosure("stay_until", "2039-01-01")
    text = proofs.bound(f"{proofs.issued()}~{own}~")
    assert reason(proofs.decide(text)) is BasisFault.MALFORMED


@pytest.mark.parametrize(
    "text", ["", "~", "a~b", "~" * 100_000, "é~", "\ud800~", "x" * 8_193, "ABTC1:X"]
)
def test_q1_anything_else_is_malformed(proofs: Proofs, text: str) -> None:
    assert reason(proofs.decide(text)) is BasisFault.MALFORMED


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_changed_text_is_never_proven(data: st.DataObject) -> None:
    """Whatever one character becomes; nothing raises."""
    proofs = _KEPT
    text = _TEXT
    at = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(st.characters())
    found = proofs.decide(text[:at] + put + text[at + 1 :], trust=_TRUST)
    assert put == text[at] or not isinstance(found, verifier.BasisProven)


_KEPT = Proofs()
_TEXT = _KEPT.bound(_KEPT.shown())
_TRUST = _KEPT.world.trust()


# Wrong calls


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"now": NOW.replace(tzinfo=None)}, ValueError),
        ({"expected_nonce": "short"}, ValueError),
        ({"expected_nonce": "with a space and long enough"}, ValueError),
    ],
)
def test_a_wrong_call_raises(
    proofs: Proofs, change: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        proofs.decide(proofs.bound(proofs.shown()), **change)


def test_what_is_shown_is_text(proofs: Proofs) -> None:
    with pytest.raises(TypeError):
        proofs.decide(b"x")  # type: ignore[arg-type]


def test_the_moment_may_be_in_any_zone(proofs: Proofs) -> None:
    zone: Callable[[datetime], datetime] = lambda at: at.astimezone(  # noqa: E731
        verifier.zone_of("SGP", verifier.zones())
    )
    text = proofs.bound(proofs.shown())
    basis = proven(proofs.decide(text, now=zone(NOW)))
    assert basis.issued_at.tzinfo is UTC
