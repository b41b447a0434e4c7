"""Fuzzing in three layers: raw text, well-formed but unsigned, signed but hostile.

Every answer is checked in the same way: it is one of the documented ones, it comes at
once, it is what a device without memory would say, and an accepted card says what its
issuer signed, shown by the phone that holds it. That is judged here with nothing of the
verifier but `unpack`, from the specification.

By default the examples are few and the same in every run. With the environment variable
ABTC_SOAK=1 there are many, and new ones in every run.
"""

import base64
import hashlib
import json
import re
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import verifier
from tests import mrz_builder
from tests.simulator import NOW, World, b64u, fixed_key, jwk, jws, signature
from tests.soak import SOAK
from tests.verifier import specimens
from tests.verifier.mutate import (
    BASE45,
    altered,
    altered_fields,
    any_text,
    each_place,
    edited,
    encoded,
    json_bytes,
    loosely_packed,
    packed_fields,
    qr_text,
)
from tests.verifier.zones import ZONE
from verifier import _base45

pytestmark = pytest.mark.timeout(7200 if SOAK else 300)
T = TypeVar("T")
Test = Callable[..., None]


def examples(few: int, many: int = 10_000) -> Callable[[Test], Test]:
    """How many examples a test tries in each profile."""
    return settings(
        max_examples=many if SOAK else few,
        derandomize=not SOAK,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


# The world

WORLD = World(economies=["AUS", "NZL", "SGP"])
TRUST = WORLD.trust()
"""Scanned with in every test, so its memory holds whatever was seen before."""
POLICY = verifier.Policy(economy="SGP")
CHALLENGE = "Zm9vYmFyYmF6cXV4MTIzNA"
CARDS = {
    "app": WORLD.card(),
    "app of NZL": WORLD.card("NZL"),
    "physical": WORLD.card(form="physical"),
    "not in days": WORLD.card(exp=int(NOW.timestamp()) + 86_399),
    "other passport": WORLD.card(passport={"country": "DEU", "number": "C01X00T47"}),
    "not registered": WORLD.card(nationality="XXA", economies=["SGP", "XXA", "XXB"]),
    "other members": WORLD.card(zz=[{"a": {"b": "\0é"}}, None], nbf=1_800_000_000),
}
TEXTS = [WORLD.show(card, as_text=True) for card in CARDS.values()] + [
    WORLD.show(CARDS["app"], challenge=CHALLENGE, as_text=True),
    WORLD.show(CARDS["app"], aud="https://shop.example", as_text=True),
    WORLD.show(CARDS["app"], at=NOW - timedelta(seconds=40), as_text=True),
    CARDS["app"],
]
CODES = [verifier.pack(text) for text in TEXTS]
texts, codes = st.sampled_from(TEXTS), st.sampled_from(CODES)

REASONS = frozenset(
    re.findall(
        r"^\| `([a-z_.]+)` \|",
        (Path(__file__).parents[2] / "docs" / "reasons.md").read_text("utf-8"),
        re.MULTILINE,
    )
)


# The judge


@contextmanager
def measured() -> Iterator[None]:
    """One call takes less than a second of this thread, and 64 MiB."""
    tracemalloc.start()
    started = time.thread_time()
    try:
        yield
    finally:
        spent, peak = time.thread_time() - started, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert spent < 1
    assert peak < 64 * 2**20


def attempt(call: Callable[[], T], expected: type[Exception]) -> T | None:
    """The result, or None if the call raised exactly what it may raise."""
    with measured():
        try:
            return call()
        except expected:
            return None


def decide(
    shown: str,
    *,
    trust: verifier.Trust = TRUST,
    now: datetime = NOW,
    challenge: str | None = None,
    passport: verifier.Passport | None = None,
) -> verifier.Decision:
    """The decision, after everything has been checked that holds for any input."""

    def verify(trust: verifier.Trust) -> verifier.Decision:
        return verifier.verify(
            shown,
            trust=trust,
            policy=POLICY,
            expected_passport=passport,
            expected_challenge=challenge,
            now=now,
        )

    with measured():
        found = verify(trust)
    assert verify(replace(trust)) == found, "memory has changed the answer"
    if isinstance(found, verifier.Accepted):
        check_genuine(shown, found, now, challenge)
        return found
    kind = (
        verifier.RejectReason
        if isinstance(found, verifier.Rejected)
        else verifier.UndecidedReason
    )
    assert type(found.reason) is kind
    assert found.reason.value in REASONS
    assert verifier.guidance(found.reason).do
    assert not re.search("CITIZEN|PA1234567|A1234567", found.detail)
    return found


def reason(found: verifier.Decision) -> str:
    return "accepted" if isinstance(found, verifier.Accepted) else found.reason.value


def is_signed(text: str, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether a compact JWS is a key's, asked of the cryptographic library itself."""
    signed, _, made = text.rpartition(".")
    raw = base64.urlsafe_b64decode(made + "==")
    der = encode_dss_signature(
        int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    )
    try:
        key.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def said(part: str) -> dict[str, Any]:
    found = json.loads(base64.urlsafe_b64decode(part + "=="))
    assert isinstance(found, dict)
    return found


def check_genuine(
    shown: str, found: verifier.Accepted, now: datetime, challenge: str | None
) -> None:
    """Check an accepted card against the specification, without the verifier."""
    text = shown if "~" in shown else verifier.unpack(shown)
    assert len(text) <= 8192
    card, _, proof = text.partition("~")
    header, claims = map(said, card.split(".")[:2])
    economy = found.evidence.economy
    assert header == {"alg": "ES256", "kid": f"{economy}-card", "typ": "dc+sd-jwt"}
    assert is_signed(card, fixed_key(f"{economy}-card").public_key())
    check_claims(claims, found.card, f"https://abtc.example/{economy}", now)
    if claims["form"] == "physical":
        assert (proof, challenge) == ("", None)
        assert set(found.must_see) == set(verifier.MustSee)
    else:
        check_proof(card, proof, claims["cnf"]["jwk"], now, challenge)


WORDS = r"[A-Z]+( [A-Z]+)*"
GRAMMAR = {
    "document_number": r"[A-Z0-9]{1,22}",
    "family_name": rf"(?=.{{1,39}}\Z){WORDS}",
    "given_name": rf"((?=.{{1,39}}\Z){WORDS})?",
    "birthdate": r"(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}",
    "nationality": r"[A-Z]{3}",
    "form": "app|physical",
}


def check_claims(
    claims: Mapping[str, Any], card: verifier.Card, issuer: str, now: datetime
) -> None:
    """The card says what the claims say, and those obey the specification."""
    for name, pattern in GRAMMAR.items():
        assert getattr(card, name) == claims[name]
        assert re.fullmatch(pattern, claims[name])
    assert claims["vct"] == "urn:abtc:card:1"
    assert card.issuer == claims["iss"] == issuer
    status = claims["status"]["status_list"]
    assert status == {"idx": card.status_index, "uri": card.status_uri}
    assert card.status_uri == f"{issuer}/status/1"
    assert 0 <= card.status_index < 64
    passport = {"country": card.passport_country, "number": card.passport_number}
    assert claims["passport"] == passport
    assert re.fullmatch("[A-Z]{3}[A-Z0-9]{1,22}", "".join(passport.values()))
    assert list(card.economies) == claims["economies"] == sorted(set(card.economies))
    assert len(card.economies) <= 64
    moments = {name: claims[name] for name in ("iat", "exp", "nbf") if name in claims}
    assert all(type(moment) is int for moment in moments.values())
    assert card.issued_at == datetime.fromtimestamp(moments["iat"], UTC)
    assert card.expires_at == datetime.fromtimestamp(moments["exp"], UTC)
    assert card.issued_at - now <= timedelta(seconds=60)
    assert datetime.fromtimestamp(moments.get("nbf", 0), UTC) - now <= timedelta(
        seconds=60
    )
    assert now < card.expires_at
    assert not {"_sd", "_sd_alg", "..."} & claims.keys()


def check_proof(
    card: str, proof: str, key: object, now: datetime, challenge: str | None
) -> None:
    """The phone in the card has made the proof for this card, now, and for a border."""
    holder = next(name for name in HOLDERS if jwk(fixed_key(name)) == key)
    assert is_signed(proof, fixed_key(holder).public_key())
    header, claims = map(said, proof.split(".")[:2])
    assert header == {"alg": "ES256", "typ": "kb+jwt"}
    made_at = datetime.fromtimestamp(claims["iat"], UTC)
    assert timedelta(seconds=-15) <= now - made_at <= timedelta(seconds=45)
    assert claims["aud"] == "urn:abtc:border"
    assert claims["nonce"] == (challenge or f"iat.{claims['iat']}")
    assert claims["sd_hash"] == b64u(hashlib.sha256(f"{card}~".encode()).digest())


HOLDERS = ("holder", "another phone")


def decide_both(shown: str, **how: Any) -> verifier.Decision:
    """Decide about a presentation text; as a code the answer must be the same."""
    found = decide(shown, **how)
    code = attempt(lambda: verifier.pack(shown), verifier.PackingError)
    if code is not None:
        assert verifier.unpack(code) == shown
        as_code = decide(code, **how)
        assert reason(as_code) == reason(found)
        assert as_code == found
    return found


def decide_code(code: str, **how: Any) -> verifier.Decision:
    """Decide about a code; as text the answer must be the same, and it packs again."""
    found = decide(code, **how)
    text = attempt(lambda: verifier.unpack(code), verifier.PackingError)
    if text is None:
        assert reason(found) in {"card.malformed", "card.version", "card.foreign"}
        return found
    assert verifier.pack(text) == code
    assert decide(text, **how) == found
    return found


# Layer 1: raw text


@examples(60)
@given(
    st.one_of(
        any_text,
        any_text.map("ABTC1:{}".format),
        any_text.map("{0}~{0}".format),
        st.text(BASE45, max_size=400).map("ABTC1:{}".format),
        st.binary(max_size=300).map(qr_text),
        st.from_regex(r"\AABTC[0-9]{0,3}:.*", fullmatch=True),
        st.from_regex(r"\A[\w.-]+\.[\w.-]+\.[\w.-]*~[\w.-]*\Z", fullmatch=True),
    )
)
def test_j_q_any_text(text: str) -> None:
    """Any text at all has an answer, and never a good one."""
    found = decide_code(text) if text.startswith("ABTC1:") else decide_both(text)
    assert reason(found) != "accepted"
    attempt(lambda: verifier.unpack(text), verifier.PackingError)
    attempt(lambda: verifier.pack(text), verifier.PackingError)


@examples(12, many=500)
@given(st.sampled_from([*CODES, *TEXTS]), st.data())
def test_q1_huge_text(start: str, data: st.DataObject) -> None:
    """A megabyte of anything is refused at once."""
    unit = data.draw(st.one_of(any_text.filter(bool), st.sampled_from(["~", ".", "A"])))
    text = start + unit * (10**6 // len(unit))
    assert reason(decide(text)) == "card.malformed"
    assert attempt(lambda: verifier.unpack(text), verifier.PackingError) is None
    assert attempt(lambda: verifier.pack(text), verifier.PackingError) is None


@examples(125)
@given(edited(codes))
def test_q_edited_codes(code: str) -> None:
    """An edited code is another presentation or none, and never a second spelling."""
    decide_code(code)


@examples(125)
@given(edited(texts))
def test_j_edited_presentation_texts(text: str) -> None:
    """The same for presentation text."""
    decide_both(text)


# Layer 2: well-formed, but the issuer has not signed it


@examples(175)
@given(codes, st.data())
def test_q2_packed_maps(code: str, data: st.DataObject) -> None:
    """A map with other members or in other CBOR is refused, or is what was signed."""
    fields = data.draw(altered_fields(packed_fields(code)))
    decide_code(qr_text(data.draw(encoded(fields))))


PACKED_TYPES: list[Any] = [
    None, True, False, -1, 0, 1, 2**17, 2**17 + 1, 2**21, 2**32 - 1, 2**32, 2**64 - 1,
    1.5, "", "x", "X", "AUS", "XXA", "1", "x" * 33, "\0", b"", bytes(33), b"x" * 64,
    [], [0],
    [0, "XXA"], [True, "XXA"], ["XXA", "X"], [[], []], {}, {"a": 0},
    {0: 11, 1: "X1"},
]  # fmt: skip


@pytest.mark.parametrize("code", [CODES[0], CODES[2], CODES[7]])
def test_q_every_key_of_another_type(code: str) -> None:
    """Under every key of the map, any type of value is read or refused."""
    good = packed_fields(code)
    for key in {*good, *range(-1, 22), "x", "nbf", "iss", "_sd"}:
        for value in PACKED_TYPES:
            packed = cbor2.dumps({**good, key: value}, canonical=True)
            decide_code(qr_text(packed))
        rest = {name: good[name] for name in good if name != key}
        found = decide_code(qr_text(cbor2.dumps(rest, canonical=True)))
        is_spare = key not in good or key in {19, 20}
        assert is_spare or reason(found) == "card.malformed"


@examples(50)
@given(codes, st.data())
def test_q2_other_encodings(code: str, data: st.DataObject) -> None:
    """The same members in other CBOR are refused."""
    other = qr_text(data.draw(encoded(packed_fields(code))))
    assert other == code or reason(decide_code(other)) == "card.malformed"


@examples(175)
@given(texts, st.data())
def test_j_altered_tokens(text: str, data: st.DataObject) -> None:
    """A header or payload that was changed after signing is never accepted."""
    tokens = [list(token.split(".")) for token in text.split("~") if token]
    token = data.draw(st.sampled_from(tokens))
    place = data.draw(st.integers(0, 1))
    members = said(token[place])
    changed = data.draw(json_bytes(data.draw(altered(members))))
    token[place] = b64u(changed)
    altered_text = "~".join(".".join(parts) for parts in tokens)
    altered_text += "" if len(tokens) > 1 else "~"
    found = decide_both(altered_text)
    assert altered_text == text or reason(found) != "accepted"


# Layer 3: correctly signed, and hostile


@st.composite
def hostile_cards(draw: Any) -> tuple[str, str, dict[Any, Any]]:
    """A card and a proof, signed whatever they say, and the map of a good one."""
    form = draw(st.sampled_from(["app", "app", "physical"]))
    header: Any = {"alg": "ES256", "kid": "AUS-card", "typ": "dc+sd-jwt"}
    if draw(st.integers(0, 4)) == 0:
        header = draw(altered(header))
    claims: Any = WORLD.claims(form=form)
    if draw(st.integers(0, 4)):
        claims = draw(altered(claims))
    payload = draw(json_bytes(claims)) if draw(st.booleans()) else plain_json(claims)
    issuer = draw(st.sampled_from(["AUS"] * 9 + ["NZL"]))
    card = jws(plain_json(header), payload, fixed_key(f"{issuer}-card"))
    proof = ""
    if form == "app" or draw(st.integers(0, 9)) == 0:
        proof = draw(hostile_proofs(card))
    return card, proof, packed_fields(verifier.pack(CARDS[form]))


@st.composite
def hostile_proofs(draw: Any, card: str) -> str:
    iat = int(NOW.timestamp()) + draw(st.sampled_from([0, 0, 0, 15, 16, -45, -46]))
    claims: Any = {
        "iat": iat,
        "aud": "urn:abtc:border",
        "nonce": draw(st.sampled_from([f"iat.{iat}", f"iat.{iat}", CHALLENGE])),
        "sd_hash": b64u(hashlib.sha256(f"{card}~".encode()).digest()),
    }
    header: Any = {"alg": "ES256", "typ": "kb+jwt"}
    if draw(st.integers(0, 3)) == 0:
        claims = draw(altered(claims))
    if draw(st.integers(0, 9)) == 0:
        header = draw(altered(header))
    holder = draw(st.sampled_from(["holder"] * 9 + ["another phone"]))
    return jws(plain_json(header), plain_json(claims), fixed_key(holder))


def plain_json(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


challenges = st.sampled_from([None, None, None, CHALLENGE])


@examples(225)
@given(hostile_cards(), challenges)
def test_k_signed_cards(
    signed: tuple[str, str, dict[Any, Any]], challenge: str | None
) -> None:
    """Whatever an issuer signs, an accepted card obeys the specification."""
    card, proof, _ = signed
    decide_both(f"{card}~{proof}", challenge=challenge)


@examples(225)
@given(hostile_cards(), challenges, st.data())
def test_q_signed_codes(
    signed: tuple[str, str, dict[Any, Any]],
    challenge: str | None,
    data: st.DataObject,
) -> None:
    """The same when the issuer packs it too, with no regard for the rules."""
    card, proof, fields = signed
    fields = loosely_packed(card, proof, fields)
    code = qr_text(data.draw(encoded(fields)))
    found = decide_code(code, challenge=challenge)
    as_text = decide(f"{card}~{proof}", challenge=challenge)
    if isinstance(found, verifier.Accepted):
        assert as_text == found


@examples(125)
@given(codes, challenges, st.data())
def test_q_signed_again(code: str, challenge: str | None, data: st.DataObject) -> None:
    """Any map that unpacks at all, with good signatures put over what it says."""
    fields = data.draw(altered_fields(packed_fields(code)))
    text = attempt(lambda: unpacked(fields), ValueError)
    if text is None:
        return
    signed = text.partition("~")[0].rpartition(".")[0]
    fields[0] = signature(fixed_key(fields[1]), signed.encode())  # its key id
    if 17 in fields:
        signed = unpacked(fields).partition("~")[2].rpartition(".")[0]
        fields[18] = signature(fixed_key("holder"), signed.encode())
    code = qr_text(cbor2.dumps(fields, canonical=True))
    found = decide_code(code, challenge=challenge)
    assert reason(found) not in {"signature.invalid", "card.malformed"}


def unpacked(fields: Mapping[Any, Any]) -> str:
    return verifier.unpack(qr_text(cbor2.dumps(fields, canonical=True)))


# Memory of seen cards


@st.composite
def visits(draw: Any) -> list[tuple[str, dict[str, Any]]]:
    """Codes made of parts of good ones and of each other, and how each is judged."""
    made = [_base45.decode(code[6:]) for code in CODES]
    found = []
    for _ in range(draw(st.integers(2, 8))):
        data: bytes = draw(st.one_of(st.just(made[-1]), st.sampled_from(made)))
        kind = draw(st.sampled_from(["as it is", "joined", "altered", "hidden"]))
        place = draw(st.sampled_from([73] * 9 + [64, 66, 72, 74, 1, 300]))
        if kind == "joined":
            data = data[:-place] + draw(st.sampled_from(made))[-place:]
        elif kind == "altered":
            data = data[:-place] + draw(st.binary(max_size=2)) + data[1 - place :]
        elif kind == "hidden":  # what an ordinary proof begins with
            looks = (
                b"\x11\x1a\x7f" + draw(st.binary(min_size=3, max_size=3)) + b"\x12X@"
            )
            data = data[:-place] + looks + data[len(data) - place + 9 :]
        made.append(data)
        seconds = draw(st.sampled_from([0, 0, 0, 1, 45, 46, -16]))
        how = {
            "challenge": draw(challenges),
            "now": NOW + timedelta(seconds=seconds),
        }
        found.append((qr_text(data), how))
    return found


@examples(60)
@given(visits())
def test_seen_cards_never_change_an_answer(
    scanned: list[tuple[str, dict[str, Any]]],
) -> None:
    """A snapshot that has seen cards decides every time like one that has not."""
    trust = replace(TRUST)
    for code, how in scanned:
        decide_code(code, trust=trust, **how)


# Time and passport


moments = st.datetimes(
    timezones=st.sampled_from(
        [UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12)), ZONE]
    ),
)


@examples(75)
@given(codes, moments, st.booleans())
def test_t_any_moment(code: str, now: datetime, has_passport: bool) -> None:
    """At any moment in any zone there is an answer."""
    passport = verifier.Passport.from_mrz(specimens.TD3) if has_passport else None
    decide(code, now=now, passport=passport)


# Lists and documents


OF_NZL = decide(CODES[1])


def others_are_unaffected(trust: verifier.Trust) -> None:
    assert decide(CODES[1], trust=trust) == OF_NZL, "another economy is affected"


def built(replaced: Mapping[str, bytes]) -> verifier.Trust:
    with measured():
        return WORLD.trust(replace=replaced)


AUS_LIST = said(WORLD.list_token("AUS/status/1.jwt").decode().split(".")[1])
lists = st.one_of(
    st.binary(max_size=20),
    st.binary(max_size=20).map(zlib.compress),
    st.builds(
        lambda data, cut, tail: zlib.compress(data)[cut:] + tail,
        st.binary(max_size=20),
        st.integers(-3, 3),
        st.binary(max_size=3),
    ),
).map(b64u)


@examples(60)
@given(st.data())
def test_s_signed_status_lists(data: st.DataObject) -> None:
    """Whatever a status key signs, a card is good only by a list that says so."""
    claims = data.draw(altered(AUS_LIST)) if data.draw(st.booleans()) else {**AUS_LIST}
    if isinstance(claims, dict) and data.draw(st.booleans()):
        bits = data.draw(st.sampled_from([1, 2, 4, 8, 8, 3, 0, True, "2"]))
        claims["status_list"] = {"bits": bits, "lst": data.draw(lists)}
    header: Any = {"alg": "ES256", "kid": "AUS-status", "typ": "statuslist+jwt"}
    if data.draw(st.integers(0, 5)) == 0:
        header = data.draw(altered(header))
    payload = data.draw(json_bytes(claims))
    token = jws(plain_json(header), payload, fixed_key("AUS-status"))
    trust = built({"AUS/status/1.jwt": token.encode()})
    found = decide(CODES[0], trust=trust)
    others_are_unaffected(trust)
    if reason(found) == "accepted":
        check_list(said(token.split(".")[1]))
    else:
        assert reason(found).startswith("status.")


def check_list(claims: Mapping[str, Any]) -> None:
    assert claims["sub"] == "https://abtc.example/AUS/status/1"
    assert claims["exp"] > NOW.timestamp()
    age = NOW.timestamp() - claims["iat"]
    assert 3300 <= age <= 3 * 86_400
    assert claims.get("ttl", 1) >= 1
    bits, packed = claims["status_list"]["bits"], claims["status_list"]["lst"]
    entries = zlib.decompress(base64.urlsafe_b64decode(packed + "=="))
    number = int.from_bytes(entries, "little")
    assert (8 * len(entries)) >= 8 * bits
    assert number >> 7 * bits & (1 << bits) - 1 == 0


DOCUMENTS = WORLD.documents()
OF_AUS = [
    "AUS/issuer.json",
    "AUS/policy.json",
    "AUS/status/1.jwt",
    "AUS/overlay/SGP/1.jwt",
    "SGP/overlay/AUS/1.jwt",
]


@examples(50)
@given(
    st.sampled_from(OF_AUS),
    st.one_of(
        st.binary(max_size=60),
        edited(st.sampled_from([DOCUMENTS[name].decode() for name in DOCUMENTS])).map(
            lambda text: text.encode("utf-8", "surrogatepass")
        ),
    ),
)
def test_d_any_bytes(name: str, data: bytes) -> None:
    """Any bytes as a list or a document harm the economy that they name, at most."""
    trust = built({name: data})
    assert {problem.document for problem in trust.problems} <= set(OF_AUS)
    others_are_unaffected(trust)
    decide(CODES[0], trust=trust)


def proven(content: Any) -> Any:
    """An issuer document whose keys are proven, as far as there are any."""
    if not (isinstance(content, dict) and isinstance(content.get("keys"), list)):
        return content
    issuer = content.get("issuer")
    return {**content, "keys": [proven_key(row, issuer) for row in content["keys"]]}


def proven_key(row: Any, issuer: object) -> Any:
    if not isinstance(row, dict):
        return row
    name = "AUS-card" if row.get("use") == "card" else "AUS-status"
    statement = f"ABTC1 key\n{issuer}\n{row.get('use')}\n{row.get('kid')}"
    made = signature(fixed_key(name), statement.encode("utf-8", "replace"))
    return {**row, "proof": b64u(made)}


OTHER_TYPES: list[Any] = [None, [], {}, 0, True, "", "\ud800", [[]], {"": 0}]


@pytest.mark.parametrize("name", ["AUS/issuer.json", "SGP/policy.json", "scheme.json"])
def test_d_every_place_of_another_type(name: str) -> None:
    """In every place of every document any type of value is read or refused."""
    good = json.loads(DOCUMENTS[name])
    for other in OTHER_TYPES:
        for content in each_place(good, other):
            for document in {plain_json(content), plain_json(proven(content))}:
                check_document(name, document)


def check_document(name: str, document: bytes) -> None:
    try:
        trust = WORLD.trust(replace={name: document})
    except verifier.TrustError:
        assert name == "scheme.json"
    else:
        found = decide(CODES[1], trust=trust)
        assert name == "scheme.json" or isinstance(found, verifier.Accepted)


@examples(75)
@given(st.data())
def test_d_documents_of_one_economy(data: st.DataObject) -> None:
    """Whatever an economy publishes, there is a snapshot, and others are unaffected."""
    name = data.draw(st.sampled_from(["AUS/issuer.json", "AUS/policy.json"]))
    good = DOCUMENTS.get(name, DOCUMENTS["SGP/policy.json"].replace(b"SGP", b"AUS"))
    content = data.draw(altered(json.loads(good), most=4))
    if name == "AUS/issuer.json":
        content = proven(content)
    document = data.draw(json_bytes(content))
    if data.draw(st.integers(0, 9)) == 0:
        document = data.draw(st.binary(max_size=40))
    trust = built({name: document})
    others_are_unaffected(trust)
    found = decide(CODES[0], trust=trust)
    assert {problem.document for problem in trust.problems} <= set(OF_AUS)
    assert reason(found) in {
        "accepted", "trust.unknown_issuer", "trust.unknown_key", "trust.key_window",
        "status.unusable", "card.test", "signature.invalid",
    }  # fmt: skip


@examples(60)
@given(st.data())
def test_d_the_destinations_own_policy(data: st.DataObject) -> None:
    """Whatever the destination publishes, cards are judged, and entry is answered."""
    content = data.draw(altered(json.loads(DOCUMENTS["SGP/policy.json"]), most=4))
    trust = built({"SGP/policy.json": data.draw(json_bytes(content))})
    assert {problem.document for problem in trust.problems} <= {"SGP/policy.json"}
    found = decide(CODES[0], trust=trust)
    assert isinstance(found, verifier.Accepted)
    for answer in (found.entitlement.entry, found.entitlement.lane):
        assert answer.reason.value in REASONS
    is_free = found.entitlement.entry.answer is verifier.EntryAnswer.VISA_FREE
    assert (found.entitlement.entry.stay_until is not None) == is_free


@examples(100)
@given(st.data())
def test_d_any_scheme(data: st.DataObject) -> None:
    """Any scheme is refused as such, or a card is answered under it."""
    content = data.draw(altered(json.loads(DOCUMENTS["scheme.json"]), most=4))
    document = data.draw(json_bytes(content))
    trust = attempt(
        lambda: WORLD.trust(replace={"scheme.json": document}), verifier.TrustError
    )
    if trust is None:
        return
    for code in CODES[:2]:
        found = decide(code, trust=trust)
        assert reason(found) == "accepted" or isinstance(found, verifier.Undecided)


@examples(30)
@given(st.dictionaries(any_text, st.binary(max_size=9), min_size=1, max_size=3))
def test_d8_any_names(documents: dict[str, bytes]) -> None:
    """A document of another name is no document, and harms nobody."""
    trust = WORLD.trust(replace=documents)
    assert {problem.document for problem in trust.problems} == set(documents)


# Passports


@examples(150)
@given(
    st.one_of(
        any_text,
        edited(st.sampled_from(list(specimens.ALL.values()))),
        st.text("ABCXYZ0189<\n", max_size=100),
    )
)
def test_any_machine_readable_zone(text: str) -> None:
    """Any text is a passport or a reasoned refusal; typed ones and names likewise."""
    attempt(lambda: verifier.Passport.from_mrz(text), verifier.MrzError)
    attempt(lambda: verifier.Passport.parse(text), ValueError)
    attempt(lambda: verifier.transliterate(text), ValueError)


printed = st.text("ABDXZ019 ", max_size=12).map(str.strip)
digits = st.text("0123456789<", min_size=6, max_size=6)


@examples(100)
@given(
    st.sampled_from(["build_td1", "build_td2", "build_td3"]),
    st.fixed_dictionaries(
        {
            "country": st.text("ADUS0<", max_size=3),
            "number": st.text("ABDXZ019", max_size=24),
            "family_name": printed,
            "given_name": printed,
            "nationality": st.text("ADUS0<", max_size=3),
            "birthdate": digits,
            "sex": st.sampled_from("FMX<A"),
            "expiry": digits,
        }
    ),
)
def test_hostile_zones_with_right_digits(
    build: str, printed_fields: dict[str, str]
) -> None:
    """Right check digits over nonsense are a passport or a reasoned refusal."""
    try:
        zone: str = getattr(mrz_builder, build)(**printed_fields)
    except AssertionError:  # a field is longer than this size of document allows
        return
    found = attempt(lambda: verifier.Passport.from_mrz(zone), verifier.MrzError)
    if found:
        assert found.number == printed_fields["number"]
        decide(CODES[0], passport=found)
