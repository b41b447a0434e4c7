"""Messages between economies: what is believed, and everything that is not."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import verifier
from issuer.documents import issuer_document
from issuer.keys import KeyRecord
from tests.simulator import (
    ABSENT,
    KEYS_FROM,
    NOW,
    SCHEME,
    FixedSigner,
    World,
    changed,
    fixed_key,
    jwk,
    jws,
    key_record,
    seconds,
)
from verifier import MessageProblem as Problem

TYPE = "abtc-client+jwt"
AUD = SCHEME.economy("JPN").issuer_url
URL = SCHEME.economy("AUS").issuer_url
TRUST = World(economies=["AUS", "JPN", "NZL"]).trust("JPN")
SIG, ENC = fixed_key("service"), fixed_key("service-enc")


def delegation(
    *, header: Mapping[str, object] | None = None, key: str = "AUS-status", **more: Any
) -> str:
    """A good delegation of AUS, of an hour ago, but for what is changed."""
    members = {"alg": "ES256", "kid": key, "typ": "abtc-service-keys+jwt"}
    claims = {
        "iss": URL,
        "iat": seconds(NOW - timedelta(hours=1)),
        "exp": seconds(NOW + timedelta(days=7)),
        "keys": [
            {**jwk(SIG), "kid": "aus-sig", "use": "sig"},
            {**jwk(ENC), "kid": "aus-enc", "use": "enc"},
        ],
    }
    return jws(changed(members, header or {}), changed(claims, more), fixed_key(key))


def message(
    *,
    header: Mapping[str, object] | None = None,
    by: str | None = None,
    key: str = "service",
    **more: Any,
) -> str:
    """A good message of AUS to JPN, but for what is changed."""
    members = {
        "alg": "ES256",
        "delegation": delegation() if by is None else by,
        "kid": "aus-sig",
        "typ": TYPE,
    }
    claims = {
        "iss": URL,
        "aud": AUD,
        "iat": seconds(NOW),
        "exp": seconds(NOW + timedelta(minutes=5)),
        "jti": "once",
        "says": "something",
    }
    return jws(changed(members, header or {}), changed(claims, more), fixed_key(key))


def read(text: str, **changes: Any) -> verifier.ServiceMessage:
    known: dict[str, Any] = {"typ": TYPE, "audience": AUD, "trust": TRUST, "now": NOW}
    return verifier.read_service_message(text, **{**known, **changes})


def problem(text: str, **changes: Any) -> str:
    with pytest.raises(verifier.ServiceMessageError) as caught:
        read(text, **changes)
    assert str(caught.value).startswith(caught.value.code)
    return caught.value.code


def test_a_message_needs_nothing_but_trust_data() -> None:
    """Its sender, its claims and its id come out; the delegation travels inside."""
    found = read(message())
    assert (found.economy, found.key_id, found.message_id) == ("AUS", "aus-sig", "once")
    assert found.claims["says"] == "something"
    assert found.audience == AUD
    assert (found.issued_at, found.expires_at) == (NOW, NOW + timedelta(minutes=5))
    assert not found.keys.is_test


def test_one_of_several_may_be_meant() -> None:
    """A house of several economies is told which of them a message is for."""
    assert read(message(), audience={AUD, URL}).audience == AUD


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        # Another economy's status key, under its own id and under ours.
        (delegation(key="NZL-status"), Problem.DELEGATION),
        (delegation(key="NZL-status", header={"kid": "AUS-status"}),
         Problem.DELEGATION),
        (delegation(key="AUS-card"), Problem.DELEGATION),
        (delegation(key="AUS-card", header={"kid": "AUS-status"}), Problem.DELEGATION),
        (delegation(exp=seconds(NOW + timedelta(days=7, hours=23, seconds=1))),
         Problem.DELEGATION),
        (delegation(iat=seconds(NOW + timedelta(seconds=61))), Problem.DELEGATION),
        (delegation(iat=seconds(NOW - timedelta(days=400)),
                    exp=seconds(NOW - timedelta(days=393))), Problem.DELEGATION),
        (delegation(iat=seconds(NOW - timedelta(days=8)), exp=seconds(NOW)),
         Problem.DELEGATION_ENDED),
        (delegation(header={"typ": "statuslist+jwt"}), Problem.DELEGATION),
        (delegation(header={"jku": "https://evil.example"}), Problem.DELEGATION),
        (delegation(header={"kid": ABSENT}), Problem.DELEGATION),
        (delegation(iss="https://evil.example/AUS"), Problem.UNKNOWN_ECONOMY),
        (delegation(iss=7), Problem.DELEGATION),
        (delegation(iat="now"), Problem.DELEGATION),
        (delegation(keys=[]), Problem.DELEGATION),
        (delegation(keys="all"), Problem.DELEGATION),
        (delegation(keys=[{**jwk(SIG), "kid": "aus-sig"}]), Problem.DELEGATION),
        (delegation(keys=[{**jwk(SIG), "kid": "a b", "use": "sig"}]),
         Problem.DELEGATION),
        (delegation(keys=[{**jwk(SIG), "kid": "aus-sig", "use": "any"}]),
         Problem.DELEGATION),
        (delegation(keys=[{**jwk(SIG), "kid": "aus-sig", "use": ["sig"]}]),
         Problem.DELEGATION),
        (delegation(keys=[{**jwk(SIG), "kid": "aus-sig", "use": "sig"},
                          {**jwk(ENC), "kid": "aus-sig", "use": "enc"}]),
         Problem.DELEGATION),
        (delegation(keys=[{**jwk(SIG), "kid": f"k{n}", "use": "sig"}
                          for n in range(9)]), Problem.DELEGATION),
        # Keys that are not delegated to, or not for signing.
        (delegation(keys=[{**jwk(ENC), "kid": "aus-sig", "use": "sig"}]),
         Problem.SIGNATURE),
        (delegation(keys=[{**jwk(SIG), "kid": "other", "use": "sig"}]),
         Problem.SIGNATURE),
        (delegation(keys=[{**jwk(SIG), "kid": "aus-sig", "use": "enc"}]),
         Problem.SIGNATURE),
        (delegation(pad="x" * 2**14), Problem.DELEGATION),
        ("", Problem.DELEGATION),
        ("no.delegation", Problem.DELEGATION),
    ],
)  # fmt: skip
def test_n1_only_a_status_key_of_its_economy_delegates(
    by: str, expected: Problem
) -> None:
    """Whoever else signs, for longer, or to other keys, speaks for nobody."""
    assert problem(message(by=by)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (message(header={"typ": "abtc-event+jwt"}), Problem.TYPE),
        (message(header={"typ": ABSENT}), Problem.TYPE),
        (message(header={"alg": "none"}), Problem.MALFORMED),
        (message(header={"jku": "https://evil.example"}), Problem.MALFORMED),
        (message(header={"delegation": ABSENT}), Problem.MALFORMED),
        (message(header={"delegation": 7}), Problem.MALFORMED),
        (message(header={"kid": ABSENT}), Problem.MALFORMED),
        (message(key="AUS-status"), Problem.SIGNATURE),
        (message(iss=AUD), Problem.SIGNATURE),
        (message(aud=URL), Problem.MISADDRESSED),
        (message(aud=[AUD]), Problem.MALFORMED),
        (message(aud=ABSENT), Problem.MALFORMED),
        (message(jti=ABSENT), Problem.MALFORMED),
        (message(jti=""), Problem.MALFORMED),
        (message(jti="x" * 65), Problem.MALFORMED),
        (message(iat=seconds(NOW + timedelta(seconds=61))), Problem.NOT_YET),
        (message(iat=True), Problem.MALFORMED),
        (message(exp=seconds(NOW + timedelta(seconds=301))), Problem.MALFORMED),
        (message(exp=seconds(NOW)), Problem.MALFORMED),
        (message(exp=ABSENT), Problem.MALFORMED),
        (message(iat=seconds(NOW - timedelta(seconds=300)), exp=seconds(NOW)),
         Problem.EXPIRED),
        ("", Problem.MALFORMED),
        ("a.b", Problem.MALFORMED),
        ("x" * (2**20 + 1), Problem.MALFORMED),
        (message(deep=[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]), Problem.MALFORMED),
    ],
)  # fmt: skip
def test_n2_each_thing_that_is_wrong_has_its_code(text: str, expected: Problem) -> None:
    """One thing is changed in a message that is good otherwise."""
    assert read(message()).economy == "AUS"
    assert problem(text) == expected


def test_n2_what_is_just_good_enough_is_taken() -> None:
    """A clock may be a minute ahead, and the last second of a message counts."""
    ahead = NOW + timedelta(seconds=60)
    until = ahead + timedelta(minutes=5)
    assert read(message(iat=seconds(ahead), exp=seconds(until))).issued_at == ahead
    assert read(message(), now=NOW + timedelta(seconds=299)).economy == "AUS"
    day = timedelta(days=1)
    old = delegation(iat=seconds(NOW - day), exp=seconds(NOW + 7 * day))
    assert read(message(by=old)).keys.expires_at == NOW + 7 * day


def test_n2_changed_bytes_are_noticed() -> None:
    """Claims of one message do not go with the signature of another."""
    one, other = message().split("."), message(says="else").split(".")
    assert problem(f"{one[0]}.{other[1]}.{one[2]}") == Problem.SIGNATURE


def test_n2_another_economys_delegation_does_not_fit() -> None:
    """NZL cannot speak as AUS, whatever it puts into the message."""
    theirs = delegation(key="NZL-status", iss=SCHEME.economy("NZL").issuer_url)
    assert read(message(by=theirs, iss=SCHEME.economy("NZL").issuer_url)).economy == (
        "NZL"
    )
    assert problem(message(by=theirs)) == Problem.SIGNATURE


def test_n2_an_economy_without_keys_in_the_trust_data_is_unknown() -> None:
    """Nothing is fetched because a message says so."""
    trust = World(economies=["JPN"]).trust("JPN")
    assert problem(message(), trust=trust) == Problem.UNKNOWN_ECONOMY


@pytest.mark.parametrize(
    "now", [TRUST.expires_at, TRUST.time_floor - timedelta(seconds=61)]
)
def test_n2_old_trust_data_believes_nobody(now: datetime) -> None:
    """A key that was taken out since would still be in it."""
    assert problem(message(), now=now) == Problem.TRUST


def test_a_moment_has_an_offset() -> None:
    """That is a caller's mistake, and no fault of the message."""
    with pytest.raises(ValueError, match="timezone"):
        read(message(), now=NOW.replace(tzinfo=None))


def test_sealed_for_one_reader_and_purpose() -> None:
    """Another about gives another info; too much, or no key, is refused."""
    keys = verifier.read_service_keys(delegation(), trust=TRUST, now=NOW)
    sealed = keys.seal(b"hello", about="a test")
    assert sealed.startswith("aus-enc.")
    assert sealed != keys.seal(b"hello", about="a test")
    assert verifier.sealing_info(URL, "aus-enc", "a") != verifier.sealing_info(
        URL, "aus-enc", "b"
    )
    with pytest.raises(ValueError, match="too long"):
        keys.seal(b"x" * (2**17 + 1), about="a test")
    only_signs = delegation(keys=[{**jwk(SIG), "kid": "aus-sig", "use": "sig"}])
    none = verifier.read_service_keys(only_signs, trust=TRUST, now=NOW)
    with pytest.raises(ValueError, match="no key"):
        none.seal(b"hello", about="a test")


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_j9_no_text_escapes(text: str) -> None:
    """Whatever comes in, one documented exception comes out."""
    assert problem(text) == Problem.MALFORMED


@given(
    st.dictionaries(
        st.sampled_from(["iss", "aud", "iat", "exp", "jti", "says"]),
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
        | st.lists(st.integers(0, 9)),
        min_size=1,
    )
)  # fmt: skip
def test_j9_no_claim_escapes(claims: dict[str, Any]) -> None:
    """Nor does a claim of another kind, correctly signed."""
    try:
        read(message(**claims))
    except verifier.ServiceMessageError as error:
        assert error.code in set(Problem)  # noqa: PT017  # some of them are good


def synced(key_id: str = "AUS-status", name: str = "AUS-status") -> verifier.Trust:
    """What this side believes after a sync, with that status key of AUS."""
    signer = FixedSigner(key_id=key_id, use="status", name=name)
    record = KeyRecord.of(signer, issuer_url=URL, signs_from=KEYS_FROM)
    document = issuer_document(
        SCHEME, "AUS", keys=[key_record("AUS", "card"), record], issued_at=NOW
    )
    world = World(economies=["AUS", "JPN", "NZL"])
    return world.trust("JPN", replace={"AUS/issuer.json": document}, version=2)


@pytest.mark.parametrize(
    "key", [("AUS-status-2", "AUS-status-2"), ("AUS-status", "AUS-status-2")]
)
def test_n2_a_status_key_that_was_taken_out_delegates_no_more(
    key: tuple[str, str],
) -> None:
    """What was believed before is not: the first message after the sync is refused."""
    text, before = message(), synced()
    assert read(text, trust=before).keys is read(text, trust=before).keys
    assert problem(text, trust=synced(*key)) == Problem.DELEGATION


def test_n2_a_delegation_that_was_seen_ends_like_any_other() -> None:
    """That its signature was checked before says nothing of when it is over."""
    ends = NOW + timedelta(seconds=60)
    begins = ends - timedelta(days=8)
    by = delegation(iat=seconds(begins), exp=seconds(ends))
    assert read(message(by=by)).keys.expires_at == ends
    assert problem(message(by=by), now=ends) == Problem.DELEGATION_ENDED
    old = World(economies=["AUS", "JPN"], now=begins).trust("JPN", expires_at=ends)
    assert read(message(by=by), trust=old).economy == "AUS"
    early = begins - timedelta(seconds=61)
    assert problem(message(by=by), trust=old, now=early) == Problem.DELEGATION


def test_n2_only_so_many_delegations_are_remembered() -> None:
    """An economy that renews its keys all day costs no memory; all are believed."""
    trust = synced()
    for count in range(300):
        by = delegation(exp=seconds(NOW + timedelta(seconds=1 + count)))
        assert read(message(by=by), trust=trust).economy == "AUS"
    assert problem(message(by=delegation(key="NZL-status")), trust=trust) == (
        Problem.DELEGATION
    )
    assert len(trust.seen_delegations) <= 256
