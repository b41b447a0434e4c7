"""Many cards at once: the same answers as one by one, and no card that stops others."""

import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import repeat
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

import verifier
from issuer.errors import ClockError, LintError, SignerUnavailable, SigningError
from issuer.issuance import (
    Credential,
    Laboratory,
    Prepared,
    Refusal,
    lint,
    lint_many,
    sign,
    sign_many,
)
from issuer.jws import canonical
from issuer.keys import KeyUse
from tests.issuer.test_issuance import (
    CARD,
    DAY,
    HOUR,
    PLASTIC,
    POINT,
    SECOND,
    SIGNER,
    URL,
    payload_of,
    prepared,
    record,
    with_claims,
)
from tests.simulator import NOW, SCHEME, World


def refusal_of_one(ready: Prepared) -> Refusal | None:
    """What `lint` by itself says, in a laboratory that has seen nothing else."""
    try:
        lint(ready, now=NOW)
    except LintError as error:
        return Refusal.of(error)
    return None


def result_of_one(ready: Prepared) -> Refusal | Credential:
    try:
        return sign(ready, SIGNER, key=record(), now=NOW, last_issued_at=NOW)
    except (LintError, SigningError) as error:
        return Refusal.of(error)


def signed_all(batch: Sequence[Prepared], **changes: Any) -> list[Credential | Refusal]:
    known: dict[str, Any] = {
        "signer": SIGNER,
        "key": record(),
        "now": NOW,
        "last_issued_at": NOW,
    }
    return sign_many(batch, **{**known, **changes})


@dataclass
class FailingSigner:
    """A hardware module whose answers are good, garbled, or none at all."""

    answers: Iterator[str] = field(default_factory=lambda: repeat("good"))
    key_id: str = "AUS-card"
    use: KeyUse = "card"
    asked: list[bytes] = field(default_factory=list)

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return SIGNER.public_key

    def sign(self, data: bytes) -> bytes:
        self.asked.append(data)
        match next(self.answers):
            case "garbled":
                good = SIGNER.sign(data)
                return good[:40] + bytes([good[40] ^ 1]) + good[41:]
            case "short":
                return SIGNER.sign(data)[:63]
            case "other":
                return SIGNER.sign(data + b".")
            case "dead":
                raise SigningError("the module does not answer")
            case "hangs":
                raise SignerUnavailable("the module does not answer in time")
            case _:
                return SIGNER.sign(data)


HOSTILE: list[dict[str, object]] = [
    {"family_name": "jane"},
    {"vct": "urn:abtc:card:2"},
    {"vct": None},
    {"economies": ["SGP", "NZL"]},
    {"economies": ["NZL", "NZL"]},
    {"exp": 1894708800},
    {"iat": 1894708800 - 86_400, "exp": 1894708800 - 1},
    {"nbf": 1894708800 + 120},
    {"iss": "https://abtc.example/NZL"},
    {"iss": ["https://abtc.example/AUS"]},
    {"iss": "https://abtc.example/AUS/"},
    {"status": {"status_list": {"idx": 7, "uri": f"{URL}/overlay/NZL/1"}}},
    {"status": {"status_list": {"idx": 7, "uri": "https://x.example/status/1"}}},
    {"status": {"status_list": {"idx": 7, "uri": ["a"]}}},
    {"status": {"status_list": {"idx": "7", "uri": f"{URL}/status/1"}}},
    {"status": {"status_list": {"idx": 7.0, "uri": f"{URL}/status/1"}}},
    {"status": {"status_list": {"idx": True, "uri": f"{URL}/status/1"}}},
    {"status": {"status_list": {"idx": -1, "uri": f"{URL}/status/1"}}},
    {"status": {"status_list": {"idx": 2**20, "uri": f"{URL}/status/1"}}},
    {"status": {"status_list": {"idx": 10**400, "uri": f"{URL}/status/1"}}},
    {"status": {"status_list": {"idx": 7}}},
    {"status": []},
    {"cnf": None},
    {"cnf": {"jwk": {**POINT, "y": POINT["x"]}}},
    {"cnf": {"jwk": {**POINT, "d": "AA"}}},
    {"form": "physical"},
    {"_sd": []},
    {"zz": 1, "a": 1},
    {"x": "A" * 5000},
]
"""Changes of a good card; the verifier accepts none of them."""
BAD = [with_claims(prepared(), **changes) for changes in HOSTILE]
BAD += [
    replace(prepared(), header=canonical({**header, "kid": "AUS-card"}))
    for header in ({}, {"alg": "none"}, {"alg": "ES256", "typ": "JWT"})
]
GOOD = [prepared(status_index=index) for index in range(3)]


# One bad card among good ones


@pytest.mark.parametrize("bad", BAD)
def test_i2_a_bad_card_is_refused_alone_and_for_its_own_reason(bad: Prepared) -> None:
    """The same reason as by itself; those before and after it are released."""
    signer = FailingSigner()
    one, refused, two = signed_all([GOOD[0], bad, GOOD[1]], signer=signer)
    assert refused == refusal_of_one(bad) == result_of_one(bad)
    assert isinstance(refused, Refusal)
    assert not refused.reason.startswith("sign.")
    assert isinstance(one, Credential)
    assert isinstance(two, Credential)
    assert (one.status_index, two.status_index) == (0, 1)
    assert signer.asked == [each.signing_input.encode() for each in GOOD[:2]]


def test_what_is_released_is_what_was_prepared() -> None:
    """In the order given, each under its own index, each believed by a device."""
    results = signed_all(GOOD)
    for ready, credential in zip(GOOD, results, strict=True):
        assert isinstance(credential, Credential)
        assert credential == replace(_one(ready), text=credential.text)
        assert payload_of(credential.text) == ready.claims
        decision = World().verify(verifier.pack(credential.text))
        assert not isinstance(decision, verifier.Accepted)
        assert decision.reason == "proof.missing"  # signature and key are good


def _one(ready: Prepared) -> Credential:
    result = result_of_one(ready)
    assert isinstance(result, Credential)
    return result


def test_an_empty_batch_is_no_mistake() -> None:
    """Nothing asked, nothing signed; but the moment is looked at."""
    assert signed_all([]) == lint_many([], now=NOW) == []
    naive = NOW.replace(tzinfo=None)
    for changes in ({"now": naive}, {"last_issued_at": naive}):
        with pytest.raises(ValueError, match="no UTC offset"):
            signed_all([], **changes)
    with pytest.raises(ValueError, match="no UTC offset"):
        lint_many([], now=naive)
    early = NOW.replace(year=1969)
    with pytest.raises(ValueError, match="1970"):
        signed_all([], now=early, last_issued_at=None)


@given(st.lists(st.sampled_from([*BAD, *GOOD, prepared(key_id="AUS-2")]), max_size=8))
def test_a_batch_says_what_each_card_would_hear_alone(batch: list[Prepared]) -> None:
    """Whatever was judged before in the same laboratory, and in any order."""
    assert lint_many(batch, now=NOW) == [refusal_of_one(each) for each in batch]
    for ready, result in zip(batch, signed_all(batch), strict=True):
        alone = result_of_one(ready)
        if isinstance(alone, Credential):
            assert isinstance(result, Credential)
            alone = replace(alone, text=result.text)
        assert result == alone


# Clock and keys


def test_t7_a_card_dated_later_is_refused_alone() -> None:
    """The clock is asked for each card; one that has not come yet waits."""
    late = prepared(iat=NOW + SECOND)
    results = signed_all([GOOD[0], late, GOOD[1]])
    assert [isinstance(each, Credential) for each in results] == [True, False, True]
    assert results[1] == result_of_one(late)
    assert isinstance(results[1], Refusal)
    assert results[1].reason == "sign.clock"


def test_t7_a_clock_that_went_back_signs_no_card_of_a_batch() -> None:
    """All are refused, and the key is never asked."""
    signer = FailingSigner()
    results = signed_all(GOOD, signer=signer, last_issued_at=NOW + SECOND)
    assert [each.reason for each in results if isinstance(each, Refusal)] == (
        ["sign.clock"] * len(GOOD)
    )
    assert signer.asked == []


def test_a_card_for_another_key_is_refused_alone() -> None:
    """A batch may have been prepared around a change of keys."""
    results = signed_all([GOOD[0], prepared(key_id="AUS-2"), GOOD[1]])
    assert [isinstance(each, Credential) for each in results] == [True, False, True]
    assert results[1] == Refusal(
        reason="sign.failed", detail="the card was prepared for key AUS-2"
    )


def test_the_reasons_of_a_refusal() -> None:
    """A lint hands on the verifier's; a signing error says whether it was the clock."""
    assert Refusal.of(LintError("time.expired", "x")) == Refusal(
        reason="time.expired", detail="x"
    )
    assert Refusal.of(ClockError("late")).reason == "sign.clock"
    assert Refusal.of(SigningError("broken")).reason == "sign.failed"


# The signer


@pytest.mark.parametrize("answer", ["garbled", "short", "other", "dead"])
def test_h3_a_garbled_card_in_a_batch_is_not_released(answer: str) -> None:
    """Two bad answers in the middle cost two cards; the others are good."""
    batch = [prepared(status_index=index) for index in range(6)]
    answers = ["good", "good", answer, answer, "good", "good"]
    results = signed_all(batch, signer=FailingSigner(iter(answers)))
    released = [each for each in results if isinstance(each, Credential)]
    assert [each.status_index for each in released] == [0, 1, 4, 5]
    assert {each.reason for each in results if isinstance(each, Refusal)} == {
        "sign.failed"
    }


def test_h4_a_dead_signer_is_not_asked_for_every_card() -> None:
    """After three in a row it is left alone: each question to it takes seconds."""
    bad = BAD[0]
    batch = [GOOD[0], bad, *repeat(GOOD[1], 2), bad, *repeat(GOOD[2], 4), bad]
    signer = FailingSigner(repeat("dead"))
    results = signed_all(batch, signer=signer)
    assert not any(isinstance(each, Credential) for each in results)
    assert len(signer.asked) == 3
    assert [each == refusal_of_one(bad) for each in results] == [
        each is bad for each in batch
    ]
    last = results[-2]
    assert isinstance(last, Refusal)
    assert last.detail == "key AUS-card has failed and was not asked"


def test_h4_a_signer_that_hangs_is_waited_for_once() -> None:
    """Whoever asked for another card of the batch does not wait for it again."""
    signer = FailingSigner(repeat("hangs"))
    results = signed_all([GOOD[0]] * 5, signer=signer)
    assert all(isinstance(each, Refusal) for each in results)
    assert len(signer.asked) == 1


def test_h4_failures_that_are_not_in_a_row_stop_nothing() -> None:
    """A good answer makes up for those before."""
    answers = ["dead", "dead", "good", "garbled", "dead", "good"]
    signer = FailingSigner(iter(answers))
    results = signed_all([GOOD[0]] * len(answers), signer=signer)
    assert [isinstance(each, Credential) for each in results] == [
        answer == "good" for answer in answers
    ]


# Lists, issuers and keys in one laboratory


def test_one_laboratory_judges_cards_of_every_list_and_economy() -> None:
    """Lists of up to 2**20 entries, more of them than it keeps, all economies."""
    laboratory = Laboratory()
    edges = (0, 2**17 - 1, 2**17, 2**20 - 1)
    batch = [
        with_claims(
            prepared(PLASTIC if number % 2 else CARD),
            iss=economy.issuer_url,
            status={
                "status_list": {
                    "idx": edges[number % len(edges)],
                    "uri": f"{economy.issuer_url}/status/{number}",
                }
            },
        )
        for number in range(4)
        for economy in SCHEME.economies.values()
    ]
    twice = [*batch, *reversed(batch)]
    assert lint_many(twice, now=NOW, laboratory=laboratory) == [None] * len(twice)
    assert laboratory._equipment is not None
    assert len(laboratory._equipment._trusts) <= 64


@pytest.mark.parametrize("key_id", ["a", "b", "not-" * 16, "x" * 64])
def test_a_key_may_have_any_name(key_id: str) -> None:
    """Also that of the laboratory's own keys, or one as long as allowed."""
    assert lint_many([prepared(key_id=key_id)], now=NOW) == [None]


def test_q10_a_card_with_many_more_members_is_packed_as_well() -> None:
    """A map of more than 23 members has a longer head."""
    ready = with_claims(prepared(), **{f"x{number}": number for number in range(9)})
    (result,) = signed_all([ready])
    assert isinstance(result, Credential)
    assert verifier.unpack(verifier.pack(result.text)) == result.text


@pytest.mark.parametrize("ready", [prepared(), prepared(PLASTIC, key_id="AUS-card")])
def test_q10_the_code_that_is_checked_is_that_of_the_signed_card(
    ready: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was unpacked last before the release is the packing of what is released."""
    codes: list[str] = []
    unpack = verifier.unpack

    def noted(qr_text: str) -> str:
        codes.append(qr_text)
        return unpack(qr_text)

    monkeypatch.setattr(verifier, "unpack", noted)
    (result,) = signed_all([ready])
    assert isinstance(result, Credential)
    assert codes == [verifier.pack(result.text)]


def test_q10_a_code_that_cannot_be_read_is_not_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A code that nothing can unpack is as bad as one that gives other bytes."""

    def broken(qr_text: str) -> str:
        raise verifier.PackingError(f"{len(qr_text)} characters of nothing")

    monkeypatch.setattr(verifier, "unpack", broken)
    (result,) = signed_all([GOOD[0]])
    assert isinstance(result, Refusal)
    assert result.reason == "sign.failed"
    assert "does not survive packing" in result.detail


# The age of a laboratory


@pytest.mark.parametrize(
    "later",
    [SECOND, HOUR - SECOND, HOUR, DAY - SECOND, DAY, 4 * DAY, 8 * DAY, 400 * DAY],
)
def test_t7_an_old_laboratory_judges_as_a_new_one(later: timedelta) -> None:
    """Its trust data never goes stale under a card: it is made anew."""
    laboratory = Laboratory()
    laboratory.lint(prepared(), now=NOW)
    laboratory.lint(prepared(), now=NOW + later)
    laboratory.lint(prepared(), now=NOW)


def test_t7_a_laboratory_judges_at_the_moment_it_is_told() -> None:
    """A card that has ended, or not begun, is found out whatever was asked before."""
    ready = prepared()
    end = NOW.replace(year=2034, month=7, day=1, hour=0)
    laboratory = Laboratory()
    for now, reason in [
        (end - SECOND, None),
        (end, "time.expired"),
        (end - SECOND, None),
        (NOW - 61 * SECOND, "time.not_yet"),
        (NOW - 60 * SECOND, None),
        (NOW - 3 * DAY, "time.not_yet"),
        (NOW, None),
    ]:
        (said,) = lint_many([ready], now=now, laboratory=laboratory)
        assert (said.reason if said else None) == reason


def test_a_laboratory_serves_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one is given, no other is made."""
    seen = _watch(monkeypatch)
    laboratory = Laboratory()
    for _ in range(2):
        signed_all(GOOD, laboratory=laboratory)
        lint_many(GOOD, now=NOW, laboratory=laboratory)
        lint(GOOD[0], now=NOW, laboratory=laboratory)
        sign(
            GOOD[0],
            SIGNER,
            key=record(),
            now=NOW,
            last_issued_at=None,
            laboratory=laboratory,
        )
    assert len({id(trust) for _, trust in seen}) == 1


def test_t7_a_laboratory_keeps_its_keys_for_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch shares them, and no longer than that does anything live."""
    seen = _watch(monkeypatch)
    laboratory = Laboratory()
    for later in (timedelta(), HOUR - SECOND, HOUR):
        laboratory.lint(prepared(), now=NOW + later)
    first, second, third = (trust for _, trust in seen)
    assert first is second
    assert third is not first


def test_a_laboratory_may_be_shared_between_threads() -> None:
    """Each asks about another hour, so that it is made anew under the others."""
    laboratory = Laboratory()

    def ask(hours: int) -> list[Refusal | None]:
        return lint_many(GOOD * 3, now=NOW + hours * HOUR, laboratory=laboratory)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(ask, range(24)))
    assert answers == [[None] * 9] * 24


# What a laboratory cannot be used for


def _watch(
    monkeypatch: pytest.MonkeyPatch,
) -> list[tuple[str, verifier.Trust]]:
    """Note what the verifier is asked, and let it answer."""
    seen: list[tuple[str, verifier.Trust]] = []
    verify = verifier.verify

    def noted(presentation: str, **demands: Any) -> verifier.Decision:
        seen.append((presentation, demands["trust"]))
        return verify(presentation, **demands)

    monkeypatch.setattr(verifier, "verify", noted)
    return seen


@pytest.mark.parametrize("card", [CARD, PLASTIC], ids=["app", "physical"])
def test_i2_nobody_else_believes_what_a_laboratory_signs(
    card: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a device nor another laboratory; nor has it seen the holder's phone."""
    seen = _watch(monkeypatch)
    ready = prepared(card)
    first, other = Laboratory(), Laboratory()
    blank = first.lint(ready, now=NOW)
    other.lint(ready, now=NOW)
    (presentation, believed), (_, others_trust) = seen
    world = World()
    for shown, trust in [
        (presentation, world.trust()),
        (presentation, others_trust),
        (blank, world.trust()),
        (blank, believed),
    ]:
        decision = world.verify(shown, trust=trust)
        assert isinstance(decision, verifier.Rejected)
        assert decision.reason == "signature.invalid"
    if card is CARD:
        assert payload_of(presentation)["cnf"] != ready.claims["cnf"]
        assert {**payload_of(presentation), "cnf": ready.claims["cnf"]} == ready.claims
    else:
        assert presentation.startswith(ready.signing_input + ".")
    header, _, _ = ready.signing_input.partition(".")
    assert presentation.startswith(header + ".")


def test_i2_a_laboratory_cannot_be_kept() -> None:
    """Its keys live in memory, and are not sent or stored."""
    laboratory = Laboratory()
    laboratory.lint(prepared(), now=NOW)
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(laboratory)
    assert "PrivateKey" not in repr(laboratory)
