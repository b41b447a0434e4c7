"""The decision from outside: what an attacker tries and what an officer sees.

The vectors cover one deviation each. Here are the attacks that data cannot hold: size,
every bit, every pair, the network, time.
"""

import gc
import hashlib
import hmac
import json
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any

import cbor2
import pytest

import verifier
from tests.simulator import ABSENT, NOW, World, b64u, fixed_key, jwk, jws
from verifier import _b64, _base45

WORLD = World(economies=["AUS", "NZL", "SGP"])
CARD = WORLD.card()
PLASTIC = WORLD.card(form="physical")
CODE = WORLD.show(CARD)
AZ = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TEXT = WORLD.show(CARD, as_text=True)
PUBLISHED_AT = NOW - timedelta(hours=1)
AUS_URL = "https://abtc.example/AUS"


def reason(decision: verifier.Decision) -> str:
    match decision:
        case verifier.Accepted():
            return "accepted"
        case verifier.Rejected(found) | verifier.Undecided(found):
            return found.value


def decide(shown: str, **arguments: Any) -> str:
    return reason(WORLD.verify(shown, **arguments))


def changed(name: str, value: object) -> dict[str, Any]:
    return {name: value}


def card_with(claim: str, value: object) -> str:
    return WORLD.card(**changed(claim, value))


def with_header(**changes: object) -> str:
    return WORLD.show(WORLD.card(header=changes), as_text=True)


# Area J, JOSE and JSON.


@pytest.mark.parametrize(
    "name", ["none", "None", "nOnE", "", "ES256K", "ES384", "EdDSA"]
)
def test_j1_j3_algorithm(name: str) -> None:
    """Only ES256 is an algorithm, in the card and in the proof."""
    assert decide(with_header(alg=name)) == "card.malformed"
    proof = WORLD.show(CARD, header={"alg": name}, as_text=True)
    assert decide(proof) == "card.malformed"


def test_j1_algorithm_missing_and_signature_empty() -> None:
    """No algorithm and no signature is no card."""
    assert decide(with_header(alg=ABSENT)) == "card.malformed"
    unsigned = CARD.rpartition(".")[0] + ".~"
    assert decide(unsigned) == "card.malformed"


def test_j2_public_key_as_a_secret() -> None:
    """A MAC under any spelling of the public key is refused before any crypto."""
    key = jwk(fixed_key("AUS-card"))
    secrets = [json.dumps(key).encode(), (key["x"] + key["y"]).encode()]
    for secret in secrets:
        header = b64u(b'{"alg":"HS256","kid":"AUS-card","typ":"dc+sd-jwt"}')
        signed = f"{header}.{CARD.split('.')[1]}"
        mac = hmac.digest(secret, signed.encode(), "sha256")
        assert decide(f"{signed}.{b64u(mac * 2)}~") == "card.malformed"


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "crit", "b64", "cty"])
@pytest.mark.parametrize("value", [[], "https://canary.example", True, {"kty": "EC"}])
def test_j4_j6_members_of_the_header(name: str, value: object) -> None:
    """A key in the token, or a critical header, is refused and nothing is fetched."""
    assert decide(with_header(**{name: value})) == "card.malformed"


@pytest.mark.parametrize(
    "key_id",
    ["../AUS-card", "' OR 1=1", "A" * 5000, 7, [], None, "AUS-card\0", "", "AUS card"],
)
def test_j5_bad_key_ids(key_id: object) -> None:
    """A key id of the wrong shape is malformed."""
    assert decide(with_header(kid=key_id)) == "card.malformed"


def test_j5_key_ids_belong_to_their_issuer() -> None:
    """Another economy's key id is unknown, even with that economy's signature."""
    card = WORLD.card(header={"kid": "NZL-card"}, key=fixed_key("NZL-card"))
    assert decide(WORLD.show(card)) == "trust.unknown_key"


def test_j5_status_keys_sign_no_cards() -> None:
    """The economy's own status key is not one of its card keys."""
    card = WORLD.card(header={"kid": "AUS-status"}, key=fixed_key("AUS-status"))
    assert decide(WORLD.show(card)) == "trust.unknown_key"


def test_j7_kinds_of_token_cannot_stand_in_for_each_other() -> None:
    """Card, proof and list are refused in each other's place."""
    for name in ("kb+jwt", "statuslist+jwt", "vc+sd-jwt", "JWT", "DC+SD-JWT", ABSENT):
        assert decide(with_header(typ=name)) == "card.malformed"
    for name in ("dc+sd-jwt", "statuslist+jwt", "JWT", ABSENT):
        shown = WORLD.show(CARD, header={"typ": name}, as_text=True)
        assert decide(shown) == "card.malformed"
    assert decide(f"{CARD}{CARD.removesuffix('~')}") == "card.malformed"


def test_j8_a_claim_twice() -> None:
    """A claim given twice is malformed, whichever one is good."""
    payload = json.dumps(WORLD.claims(), separators=(",", ":"))
    twice = payload.replace('"form":"app"', '"form":"physical","form":"app"')
    shown = WORLD.show(WORLD.card(payload=twice.encode()), as_text=True)
    assert decide(shown) == "card.malformed"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("~", "=~"),
        lambda text: text + "=",
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: "\ufeff" + text,
        lambda text: text.replace("~", "~\n"),
        lambda text: text[:40] + "\n" + text[40:],
        lambda text: text.replace("~", ".~"),
    ],
)
def test_j9_j15_one_card_has_one_spelling(change: Callable[[str], str]) -> None:
    """Text that merely decodes to the same bytes is not the card."""
    assert decide(TEXT) == "accepted"
    assert decide(change(TEXT)) == "card.malformed"


@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
@pytest.mark.parametrize(
    "value", [True, "4000000000", 4e9, -1, 2**40, 2**63, None, [], 4_102_444_801]
)
def test_j10_numbers(name: str, value: object) -> None:
    """A moment that is not an integer in bounds makes the card malformed."""
    shown = WORLD.show(card_with(name, value), as_text=True)
    assert decide(shown) == "card.malformed"


@pytest.mark.parametrize("name", ["iat", "exp"])
@pytest.mark.parametrize("value", ["soon", None, True, [], -1, 4_102_444_801])
def test_j10_numbers_beside_a_good_nbf(name: str, value: object) -> None:
    """Each moment is checked by itself, in text and in a code."""
    nbf = int(NOW.timestamp()) - 86_400
    shown = WORLD.show(WORLD.card(nbf=nbf, **changed(name, value)), as_text=True)
    assert decide(shown) == "card.malformed"
    fields = cbor2.loads(_base45.decode(WORLD.show(WORLD.card(nbf=nbf))[6:]))
    if name == "exp":
        del fields[4]
    fields[{"iat": 3, "exp": 5}[name]] = value
    code = f"ABTC1:{_base45.encode(cbor2.dumps(fields, canonical=True))}"
    assert decide(code) == "card.malformed"


@pytest.mark.parametrize(
    "payload",
    [b"[" * 4000, b'{"a":' * 900, b'{"' + b"x" * 5000 + b'":1}', b"\xff", b"", b"{}"],
    ids=["deep array", "deep object", "long name", "not UTF-8", "empty", "no claims"],
)
def test_j11_signed_but_not_claims(payload: bytes) -> None:
    """A good signature over something else is malformed."""
    assert decide(WORLD.card(payload=payload)) == "card.malformed"


def test_j12_every_bit_of_both_signatures() -> None:
    """No single flipped bit of 1,024 leaves a card accepted."""
    card, _, proof = TEXT.partition("~")
    for token, expected in ((card, "signature.invalid"), (proof, "proof.device")):
        signed, _, signature = token.rpartition(".")
        number = int.from_bytes(_b64.decode(signature), "big")
        for bit in range(512):
            wrong = f"{signed}.{b64u((number ^ 1 << bit).to_bytes(64, 'big'))}"
            assert decide(TEXT.replace(token, wrong)) == expected


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        (f"{AUS_URL}/", "card.malformed"),
        ("https://ABTC.example/AUS", "card.malformed"),
        ("https://abtc.example:443/AUS", "trust.unknown_issuer"),
        ("https://\u0430btc.example/AUS", "card.malformed"),
        ("http://abtc.example/AUS", "card.malformed"),
        ("https://abtc.example/AUS?x", "card.malformed"),
        ("https://abtc.example/aus", "trust.unknown_issuer"),
        ("https://abtc.example/AUSX", "trust.unknown_issuer"),
        ([AUS_URL], "card.malformed"),
        (f"https://{'a' * 10_000}", "card.malformed"),
    ],
)
def test_j16_issuer_look_alikes(issuer: object, expected: str) -> None:
    """An issuer is compared byte for byte, and no look-alike is accepted."""
    status = {"status_list": {"idx": 7, "uri": f"{AUS_URL}/status/1"}}
    shown = WORLD.show(WORLD.card(iss=issuer, status=status), as_text=True)
    assert decide(shown) == expected


# Area K, key binding.


def test_k1_binding_removed() -> None:
    """An app card without its proof is refused, in both carriers."""
    assert decide(CARD) == "proof.missing"
    assert decide(verifier.pack(CARD)) == "proof.missing"


def test_k1_too_many_parts() -> None:
    """Two proofs, or 100,000 tildes, are no presentation."""
    proof = TEXT.partition("~")[2]
    assert decide(f"{TEXT}~{proof}") == "card.malformed"
    assert decide(CARD + "~" * 100_000) == "card.malformed"


def test_k2_binding_moved() -> None:
    """The same phone's proof of another card does not serve this one."""
    other = WORLD.card(document_number="B7654321")
    moved = CARD + WORLD.show(other, as_text=True).partition("~")[2]
    assert decide(moved) == "proof.binding"
    with pytest.raises(verifier.PackingError, match="canonical"):
        verifier.pack(moved)


@pytest.mark.parametrize("name", ["AUS-card", "AUS-status", "another phone"])
def test_k3_wrong_holder(name: str) -> None:
    """Only the phone in the card can prove; the issuer cannot either."""
    assert decide(WORLD.show(CARD, key=fixed_key(name))) == "proof.device"


@pytest.mark.parametrize("claim", ["iat", "aud", "nonce", "sd_hash"])
@pytest.mark.parametrize("value", [ABSENT, None, True, [], 1.5, ""])
def test_k4_weak_proof_claims(claim: str, value: object) -> None:
    """A proof without one of its claims, or with a wrong type, is malformed."""
    shown = WORLD.show(CARD, as_text=True, **changed(claim, value))
    assert decide(shown) in {"card.malformed", "proof.binding"}


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "card.malformed"),
        (31, "card.malformed"),
        (32, "proof.binding"),
        (33, "card.malformed"),
        (64, "card.malformed"),
    ],
)
def test_k4_digest_of_another_size(size: int, expected: str) -> None:
    """What is no SHA-256 is malformed; a SHA-256 of something else binds nothing."""
    shown = WORLD.show(CARD, as_text=True, sd_hash=b64u(bytes(size)))
    assert decide(shown) == expected


def test_k4_nonce_and_audience() -> None:
    """A nonce that nobody asked for, or another audience, is refused."""
    assert decide(WORLD.show(CARD, nonce="iat.1")) == "proof.nonce"
    assert decide(WORLD.show(CARD, aud="https://shop.example")) == "proof.audience"


CHALLENGE = "Zm9vYmFyYmF6cXV4MTIzNA"


def test_challenge_answered() -> None:
    """A phone that answers this device's challenge is accepted."""
    shown = WORLD.show(CARD, challenge=CHALLENGE)
    assert decide(shown, challenge=CHALLENGE) == "accepted"
    assert decide(shown) == "proof.nonce"
    assert decide(shown, challenge=CHALLENGE[::-1]) == "proof.nonce"


@pytest.mark.parametrize("challenge", ["", "1", "iat.1894708800", "n" * 21, "n" * 87])
def test_k4_what_is_no_challenge_cannot_be_expected(challenge: str) -> None:
    """A device that would take a derived nonce for an answer has a bug, and is told."""
    with pytest.raises(ValueError, match="22 to 86"):
        WORLD.verify(CODE, challenge=challenge)


def test_challenge_ignored() -> None:
    """An ordinary code, or plastic, where a challenge was asked is a question."""
    plastic = WORLD.show(WORLD.card(form="physical"))
    assert decide(CODE, challenge=CHALLENGE) == "proof.challenge"
    assert decide(plastic, challenge=CHALLENGE) == "proof.challenge"


def test_k5_to_k10_nothing_is_hidden() -> None:
    """Any sign of selective disclosure is refused, at any depth."""
    disclosure = b64u(b'["salt","family_name","OTHER"]')
    assert decide(TEXT.replace("~", f"~{disclosure}~")) == "card.malformed"
    for name, value in (("_sd", []), ("_sd_alg", "sha-256"), ("...", "x")):
        hidden = changed(name, value)
        for claims in (hidden, changed("extra", [{"deep": hidden}])):
            shown = WORLD.show(WORLD.card(**claims), as_text=True)
            assert decide(shown) == "card.malformed", claims


def test_k11_form_swapped() -> None:
    """Plastic with a phone's key or proof, or an app card without a key, is refused."""
    plastic = WORLD.card(form="physical")
    proof = WORLD.proof(plastic)
    assert decide(plastic + proof) == "card.malformed"
    with_key = WORLD.card(form="physical", cnf={"jwk": jwk(fixed_key("holder"))})
    assert decide(with_key) == "card.malformed"
    assert decide(WORLD.card(cnf=ABSENT)) == "card.malformed"
    assert decide(WORLD.card(form="paper")) == "card.malformed"


@pytest.mark.parametrize("claim", list(WORLD.claims()))
@pytest.mark.parametrize("value", [ABSENT, None, 7, True, [], {}, "\u202e", "x" * 300])
def test_k12_every_claim_counts(claim: str, value: object) -> None:
    """A card without a claim, or with one of another type, is malformed."""
    shown = WORLD.show(card_with(claim, value), as_text=True)
    expected = {("economies", "[]"): "accepted", ("iat", "7"): "trust.key_window"}
    assert decide(shown) == expected.get((claim, str(value)), "card.malformed")


@pytest.mark.parametrize(
    "economies",
    [
        ["sgp"],
        ["SGP", "SGP"],
        ["SGP", "AUS"],
        ["SGP", 7],
        "SGP",
        ["SGPX"],
        ["AUS"] * 65,
    ],
)
def test_k13_economy_lists(economies: object) -> None:
    """Codes are upper case, ascending and given once."""
    shown = WORLD.show(WORLD.card(economies=economies), as_text=True)
    assert decide(shown) == "card.malformed"


# Area Q, packing.


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HC1:" + CODE[6:],
        CODE[6:],
        CODE.lower(),
        "abtc1:" + CODE[6:],
        " " + CODE,
        "https://example.org",
        "BEGIN:VCARD",
        "WIFI:S:x;;",
        "ABTC",
        "ABTC1",
        "�",
    ],
)
def test_q4_foreign_codes(text: str) -> None:
    """What is not an ABTC code is called so, and nothing is opened."""
    assert decide(text) == "card.foreign"


@pytest.mark.parametrize(
    "prefix", ["", "ABTC2:", "abtc1:", "ABTC1", "HC1:AB", "      "]
)
def test_q4_unpack_reads_its_own_version(prefix: str) -> None:
    """What another prefix stands for is not guessed."""
    with pytest.raises(verifier.PackingError, match="does not begin"):
        verifier.unpack(prefix + CODE[6:])


@pytest.mark.parametrize("text", ["ABTC1:", "ABTC1:" + CODE, CODE + "\n", CODE + " "])
def test_q3_q4_damaged_codes(text: str) -> None:
    """A doubled prefix or a stray character is damage."""
    assert decide(text) == "card.malformed"


@pytest.mark.parametrize("prefix", ["ABTC2:", "ABTC10:", "ABTC01:", "ABTC0:"])
def test_newer_versions_are_a_question(prefix: str) -> None:
    """A code of another version is not refused as forged."""
    assert decide(prefix + CODE[6:]) == "card.version"


HUGE = {
    "text": "A" * 10**6,
    "prefix": "ABTC1:" + "A" * 10**6,
    "text with tilde": "A" * 10**6 + "~",
    "dots": "." * 10**6 + "~",
    "2**63 bytes": "ABTC1:" + _base45.encode(bytes.fromhex("5b7fffffffffffffff")),
    "2**63 items": "ABTC1:" + _base45.encode(bytes.fromhex("9b7fffffffffffffff")),
    "2**63 pairs": "ABTC1:" + _base45.encode(bytes.fromhex("bb7fffffffffffffff")),
    "depth 1,000": "ABTC1:" + _base45.encode(b"\x81" * 1000 + b"\x00"),
    "depth 2,860": "ABTC1:" + _base45.encode(b"\x81" * 2860),
    "bignum": "ABTC1:" + _base45.encode(bytes.fromhex("c5821b7fffffffffffffff01")),
    "regular expression": "ABTC1:" + _base45.encode(bytes.fromhex("d823") + b"\x63(a)"),
    "shared cycle": "ABTC1:" + _base45.encode(bytes.fromhex("d81c81d81d00")),
}


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE.keys())
def test_q1_oversize(text: str) -> None:
    """Nothing that claims to be huge costs memory or time."""
    tracemalloc.start()
    started = time.thread_time()
    found = decide(text)
    spent, peak = time.thread_time() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found in {"card.malformed", "card.foreign"}
    assert peak < 4 * 2**20
    assert spent < 1


def recoded(change: Callable[[bytes], bytes]) -> str:
    return "ABTC1:" + _base45.encode(change(_base45.decode(CODE[6:])))


SECOND_ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "trailing byte": lambda data: data + b"\0",
    "trailing item": lambda data: data + b"\xf6",
    "long map head": lambda data: b"\xb8" + bytes([data[0] & 31]) + data[1:],
    "indefinite map": lambda data: b"\xbf" + data[1:] + b"\xff",
    "long key": lambda data: data.replace(b"\x01\x68AUS-card", b"\x18\x01\x68AUS-card"),
    "long text": lambda data: data.replace(b"\x68AUS-card", b"\x78\x08AUS-card"),
    "chunked text": lambda data: data.replace(
        b"\x68AUS-card", b"\x7f\x64AUS-\x64card\xff"
    ),
    "text as bytes": lambda data: data.replace(b"\x68AUS-card", b"\x48AUS-card"),
    "tagged text": lambda data: data.replace(b"\x68AUS-card", b"\xd8\x20\x68AUS-card"),
    "self-described": lambda data: b"\xd9\xd9\xf7" + data,
    "list of one": lambda data: b"\x81" + data,
    "duplicate key": lambda data: (
        bytes([data[0] + 1]) + data[1:67] + b"\x00\x40" + data[67:]
    ),
    "true for 1": lambda data: data.replace(b"\x01\x68AUS-card", b"\xf5\x68AUS-card"),
    "1.0 for 1": lambda data: data.replace(
        b"\x01\x68AUS-card", b"\xf9\x3c\x00\x68AUS-card"
    ),
    "unknown key": lambda data: bytes([data[0] + 1]) + data[1:] + b"\x15\x00",
    "a claim by name": lambda data: bytes([data[0] + 1]) + data[1:] + b"\x63iss\x60",
    "NaN": lambda data: bytes([data[0] + 1]) + data[1:] + b"\x61x\xf9\x7e\x00",
    "undefined": lambda data: bytes([data[0] + 1]) + data[1:] + b"\x61x\xf7",
    "bytes": lambda data: bytes([data[0] + 1]) + data[1:] + b"\x61x\x41\x00",
    "without the signature": lambda data: bytes([data[0] - 1]) + data[68:],
}


@pytest.mark.parametrize(
    "change", SECOND_ENCODINGS.values(), ids=SECOND_ENCODINGS.keys()
)
def test_q2_second_encodings(change: Callable[[bytes], bytes]) -> None:
    """One presentation has one QR text."""
    assert decide(recoded(change)) == "card.malformed"


@pytest.mark.parametrize(
    "tag", [*range(64), 100, 256, 258, 1004, 43_000, 55_799, 2**63]
)
@pytest.mark.parametrize("value", [0, "a", b"a", [1, 0], {}])
def test_q2_tags_build_nothing(tag: int, value: object) -> None:
    """A tag is refused as such: no date, regular expression or cycle is made of it."""
    fields = cbor2.loads(_base45.decode(CODE[6:])) | {"x": cbor2.CBORTag(tag, value)}
    with pytest.raises(verifier.PackingError) as caught:
        verifier.unpack(f"ABTC1:{_base45.encode(cbor2.dumps(fields))}")
    refusal = caught.value.__cause__
    assert refusal is not None
    assert "tags are not allowed" in str(refusal.__cause__)


def test_q2_order_of_keys() -> None:
    """The same pairs in another order are refused."""
    data = _base45.decode(CODE[6:])
    moved = data[:1] + data[68:78] + data[1:68] + data[78:]
    assert data[68:78] == b"\x01\x68AUS-card"
    assert decide("ABTC1:" + _base45.encode(moved)) == "card.malformed"


def test_q2_q10_seen_cards_get_no_second_spelling() -> None:
    """A card that this snapshot remembers is parsed as strictly as a new one."""
    assert decide(CODE) == "accepted"
    data = _base45.decode(CODE[6:])
    for change in SECOND_ENCODINGS.values():
        assert decide(recoded(change)) == "card.malformed"
    cut = data[:-73]
    assert decide("ABTC1:" + _base45.encode(cut)) == "card.malformed"
    short = data[:-71] + b"\x00\x00\x00\x07" + data[-67:]
    assert decide("ABTC1:" + _base45.encode(short)) == "card.malformed"


def test_q5_screenshot() -> None:
    """A copy of the screen lives as long as its window, and asks for the passport."""
    for seconds, expected in ((1, "accepted"), (45, "accepted"), (46, "proof.stale")):
        assert decide(CODE, now=NOW + timedelta(seconds=seconds)) == expected
    found = WORLD.verify(CODE)
    assert isinstance(found, verifier.Accepted)
    assert set(found.must_see) == {verifier.MustSee.PASSPORT, verifier.MustSee.FACE}


def test_q7_photo_of_a_plastic_card() -> None:
    """A printed code never goes without plastic, passport and face."""
    code = WORLD.show(WORLD.card(form="physical"))
    passport = verifier.Passport(country="AUS", number="PA1234567")
    for shown in (None, passport):
        found = WORLD.verify(code, passport=shown)
        assert isinstance(found, verifier.Accepted)
        assert set(found.must_see) == set(verifier.MustSee)


@pytest.mark.parametrize(
    "name",
    [
        "EVIL\u202eLIVE",
        "A\u200bB",
        "SMITḦ",
        "\u0410NNA",
        "anna",
        "A  B",
        " A",
        "A-B",
        "A" * 40,
    ],
)
def test_q9_display_spoofing(name: str) -> None:
    """No character that could deceive a reader can be in a name."""
    for claim in ("family_name", "given_name"):
        shown = WORLD.show(card_with(claim, name), as_text=True)
        assert decide(shown) == "card.malformed"


# Area T, time.


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (-16, "proof.ahead"),
        (-15, "accepted"),
        (0, "accepted"),
        (44, "accepted"),
        (45, "accepted"),
        (46, "proof.stale"),
        (3600, "proof.stale"),
        (-86400, "proof.ahead"),
    ],
)
def test_t1_t2_window(age: int, expected: str) -> None:
    """The window is from 45 s ago to 15 s ahead, both included, and applied once."""
    shown = WORLD.show(CARD, at=NOW - timedelta(seconds=age))
    assert decide(shown) == expected


def test_t2_fractions_count() -> None:
    """A millisecond outside the window is outside."""
    late = NOW + timedelta(seconds=45, milliseconds=1)
    early = NOW - timedelta(seconds=15, milliseconds=1)
    assert decide(CODE, now=late) == "proof.stale"
    assert decide(CODE, now=early) == "proof.ahead"


@pytest.mark.parametrize(
    "offset",
    [timedelta(days=days * sign) for days in (365, 3650) for sign in (1, -1)]
    + [datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC) - NOW],
)
def test_t3_wrong_device_clocks(offset: timedelta) -> None:
    """Whatever the device's clock says, a wrong one is never green."""
    assert decide(CODE, now=NOW + offset) in {"time.clock", "trust.stale"}


def test_t3_zones_do_not_matter() -> None:
    """The same moment in another zone gives the same outcome."""
    for hours in (-12, 14):
        moved = NOW.astimezone(timezone(timedelta(hours=hours)))
        assert decide(CODE, now=moved) == "accepted"


def test_t4_clock_set_back() -> None:
    """Sixty days back with data of then, the clock is noticed before anything else."""
    back = NOW - timedelta(days=60)
    trust = WORLD.trust(time_floor=NOW)
    shown = WORLD.show(WORLD.card(exp=1), at=back, as_text=True)
    assert decide(WORLD.show(CARD, at=back), trust=trust, now=back) == "time.clock"
    assert decide(shown, trust=trust, now=back) == "card.malformed"
    edge = WORLD.trust().time_floor - timedelta(minutes=5)
    assert decide(CODE, now=edge) == "proof.ahead"
    assert decide(CODE, now=edge - timedelta(seconds=1)) == "time.clock"


def test_t6_every_instant_of_a_rotation() -> None:
    """A code changed every 10 s has 20 s to live at any instant, clocks 15 s apart."""
    for phone_is_ahead in (-15, 0, 15):
        for shown_for in range(11):
            made = NOW - timedelta(seconds=shown_for - phone_is_ahead)
            code = WORLD.show(CARD, at=made)
            assert decide(code) == "accepted"
            assert decide(code, now=NOW + timedelta(seconds=20)) == "accepted"


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("hours", "trust_ends", "policy", "expected"),
    [
        ((1, 1, 1), 99, {}, ()),
        ((1, 36, 36), 99, {}, ()),  # half of 3 days
        ((1, 37, 1), 99, {}, ("status",)),
        ((1, 1, 37), 99, {}, ("overlay",)),
        ((1, 4, 1), 99, {"max_list_age": 6 * HOUR}, ("status",)),
        ((3, 3, 3), 99, {"max_trust_age": 6 * HOUR}, ()),
        ((4, 37, 37), 99, {"max_trust_age": 6 * HOUR}, ("trust", "status", "overlay")),
        ((2, 2, 2), 2, {}, ()),  # it ends before the policy says so
        ((2, 2, 2), 1, {}, ("trust",)),
    ],
)
def test_d2_old_data_is_told_before_it_is_too_old(
    hours: tuple[int, int, int],
    trust_ends: int,
    policy: dict[str, Any],
    expected: tuple[str, ...],
) -> None:
    """Past half of its time an answer stands, and names what should be updated."""
    trust, status, overlay = (NOW - each * HOUR for each in hours)
    lists = {"AUS/status/1.jwt": status, "SGP/overlay/AUS/1.jwt": overlay}
    snapshot = WORLD.trust(
        issued_at=trust,
        expires_at=NOW + trust_ends * HOUR,
        replace={name: WORLD.list_token(name, iat=iat) for name, iat in lists.items()},
    )
    found = WORLD.verify(CODE, trust=snapshot, **policy)
    assert reason(found) == "accepted"
    assert found.evidence.ageing == expected


def test_d2_what_is_too_old_is_ageing_too() -> None:
    """An answer that old data has stopped names the same data."""
    late = NOW + timedelta(days=8)
    found = WORLD.verify(WORLD.show(CARD, at=late), now=late)
    assert reason(found) == "trust.stale"
    assert found.evidence.ageing == ("trust",)


# Bindings


KINDS = ["path", "card key", "iss", "status uri", "status key"]


@pytest.mark.parametrize("names", list(product(["AUS", "NZL"], repeat=5)))
def test_d9_all_five_name_one_economy(names: tuple[str, ...]) -> None:
    """A card is accepted only if path, keys, issuer and list name one economy."""
    path, card_key, issuer, uri, status_key = names
    url = f"https://abtc.example/{uri}/status/1"
    card = WORLD.card(
        issuer,
        header={"kid": f"{card_key}-card"},
        key=fixed_key(f"{card_key}-card"),
        status={"status_list": {"idx": 7, "uri": url}},
    )
    documents = WORLD.documents()
    for economy in ("AUS", "NZL"):
        del documents[f"{economy}/status/1.jwt"]
    documents[f"{path}/status/1.jwt"] = WORLD.list_token(
        f"{uri}/status/1.jwt",
        key=fixed_key(f"{status_key}-status"),
        header={"kid": f"{status_key}-status"},
    )
    trust = verifier.Trust.from_documents(
        documents, version=1, issued_at=PUBLISHED_AT, expires_at=NOW + timedelta(days=7)
    )
    found = decide(WORLD.show(card), trust=trust)
    assert (found == "accepted") == (len(set(names)) == 1), dict(
        zip(KINDS, names, strict=True)
    )


# The call itself


def test_s9_q4_nothing_is_opened() -> None:
    """A thousand decisions open no file and no socket."""
    opened: list[str] = []
    active = True

    def watch(event: str, _: object) -> None:
        if active and event.startswith(
            ("open", "socket.", "subprocess", "os.", "import")
        ):
            opened.append(event)

    decide(CODE)
    sys.addaudithook(watch)
    trust = WORLD.trust()
    try:
        for shown in [CODE, "https://example.org", CODE.lower(), CARD, TEXT] * 200:
            decide(shown, trust=trust)
    finally:
        active = False
    assert opened == []


def test_allocation_is_small() -> None:
    """A decision allocates less than 200 kB."""
    trust = WORLD.trust()
    decide(CODE, trust=trust)
    gc.collect()
    tracemalloc.start()
    decide(WORLD.show(CARD, at=NOW + timedelta(seconds=1)), trust=WORLD.trust())
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    decide(CODE, trust=trust)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert peak < 200_000


def test_decision_is_not_a_bool() -> None:
    """``if decision`` would accept everything, so it raises."""
    for shown in (CODE, "", CODE.replace("ABTC1", "ABTC2")):
        with pytest.raises(TypeError, match="not a bool"):
            bool(WORLD.verify(shown))


def test_bad_usage_raises() -> None:
    """A naive time, or bytes, are the caller's bug."""
    with pytest.raises(ValueError, match="timezone-aware"):
        WORLD.verify(CODE, now=NOW.replace(tzinfo=None))
    with pytest.raises(TypeError, match="text"):
        WORLD.verify(CODE.encode())  # type: ignore[arg-type]


def test_evidence_grows_with_the_steps() -> None:
    """Each answer says what it rests on, as far as the checks got."""
    found = WORLD.verify(CODE).evidence
    assert (found.economy, found.key_id, found.trust_version) == ("AUS", "AUS-card", 1)
    assert found.status_uri == f"{AUS_URL}/status/1"
    assert found.overlay_uri == "https://abtc.example/SGP/overlay/AUS/1"
    assert found.proof_issued_at == NOW
    forged = WORLD.verify(WORLD.show(WORLD.card(key=fixed_key("forger")))).evidence
    assert forged.economy is forged.key_id is forged.status_uri is None
    empty = {"bits": 2, "lst": b64u(zlib.compress(b""))}
    lists = ("AUS/status/1.jwt", "SGP/overlay/AUS/1.jwt")
    for index, name in enumerate(lists):
        token = WORLD.list_token(name, status_list=empty)
        trust = WORLD.trust(replace={name: token})
        rests_on = WORLD.verify(CODE, trust=trust).evidence
        uri = [rests_on.status_uri, rests_on.overlay_uri][index]
        assert uri == f"https://abtc.example/{name.removesuffix('.jwt')}"
    stale = WORLD.verify(CODE, now=NOW + timedelta(seconds=60)).evidence
    assert stale.economy == "AUS"
    assert stale.status_uri is None


def test_seen_cards_do_not_outlive_a_key_or_a_list() -> None:
    """A new snapshot without the key, or with a newer list, decides anew."""
    assert decide(CODE) == "accepted"
    world = World(economies=["AUS", "NZL", "SGP"])
    assert reason(world.verify(CODE)) == "accepted"
    world.set_status(1)
    assert reason(world.verify(CODE)) == "status.revoked"
    gone = world.trust(without=["AUS/issuer.json"])
    assert reason(world.verify(CODE, trust=gone)) == "trust.unknown_issuer"


def test_q2_seen_cards_with_a_member_that_looks_like_a_proof() -> None:
    """Bytes of a text member that look like a proof do not cut a card in two."""
    looks = "\x11\x1aABCD\x12X@" + "x" * 64
    for form in ("app", "physical"):
        code = WORLD.show(WORLD.card(form=form, zzz=looks))
        assert decide(code) == decide(code) == "accepted"
        data = _base45.decode(code[6:])
        altered = data.replace(b"ABCD", b"ABCE")
        assert decide("ABTC1:" + _base45.encode(altered)) == "signature.invalid"


def test_q2_seen_cards_with_a_member_that_repeats_the_proof() -> None:
    """Nor does a member that ends in the very bytes of the proof before it."""
    made_at = int.from_bytes(b"ABCD", "big")
    ending = "\x11\x1aABCD\x12X@" + "x" * 64
    card = WORLD.card(zzz=ending)
    signed = WORLD.proof(card, at=datetime.fromtimestamp(made_at, UTC))
    first = verifier.pack(f"{card}{signed.rpartition('.')[0]}.{b64u(b'x' * 64)}")
    data = _base45.decode(first[6:])
    second = f"ABTC1:{_base45.encode(data[:-73] + _base45.decode(CODE[6:])[-73:])}"
    trust = WORLD.trust()
    for shown, expected in ((first, "proof.device"), (second, "card.malformed")):
        assert decide(shown, trust=WORLD.trust()) == expected
        assert decide(shown, trust=trust) == expected


@pytest.mark.parametrize(
    "member",
    [
        b"\xa2\x62bb\x00\x61a\x00",
        b"\xa2\x61b\x00\x61a\x00",
        b"\x81\xa2\x61b\x00\x61a\x00",
        b"\xa1\x61a\xa2\x61b\x00\x61a\x00",
        b"\xa1\x61a\xfb\x3f\xf8" + bytes(6),
        b"\xa1\x61a\x41a",
        b"\xa1\x61a\xf7",
        b"\xa1\x00\x00",
        b"\xa1\x61a\xa1\x00\x00",
        b"\x81\x41a",
        b"\xf8\x63",
        b"\x41a",
    ],
)
def test_q2_members_that_json_cannot_say(member: bytes) -> None:
    """At every depth: names are text in order, and values are JSON's."""
    data = _base45.decode(WORLD.show(WORLD.card(form="physical", x=0))[6:])
    assert data.endswith(b"\x61x\x00")
    code = f"ABTC1:{_base45.encode(data[:-1] + member)}"
    assert decide(code) == "card.malformed"


def test_q2_seen_cards_with_a_proof_that_looks_like_two() -> None:
    """An answer to a challenge that ends like an ordinary proof cuts no card in two."""
    looks = b"\x11\x1a\x7f\x00\x00\x00\x12\x58\x40"
    for name in ("nonce", "aud"):
        proof = WORLD.proof(CARD, **changed(name, "n" * 61))
        signed = proof.rpartition(".")[0]
        first = verifier.pack(f"{CARD}{signed}.{b64u(bytes(55) + looks)}")
        data = _base45.decode(first[6:])
        assert data[-73:-64] == looks
        second = f"ABTC1:{_base45.encode(data[:-73] + _base45.decode(CODE[6:])[-73:])}"
        trust = WORLD.trust()
        for shown, expected in ((first, "proof.device"), (second, "card.malformed")):
            assert decide(shown, trust=WORLD.trust()) == expected
            assert decide(shown, trust=trust) == expected


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (8, "text"),
        (8, "x" * 33),
        (8, [2] * 33),
        (8, bytes(32)),
        (17, "1894708800"),
        (17, True),
        (17, -1),
        (17, 4_102_444_801),
        (18, bytes(63)),
        (18, "x" * 64),
        (0, bytes(65)),
        (0, "x" * 64),
    ],
)
def test_q2_bytes_and_moments(key: int, value: object) -> None:
    """A key, a moment or a signature of another type or size is refused."""
    trust = WORLD.trust()
    fields = cbor2.loads(_base45.decode(CODE[6:]))
    good = dict(fields)
    for content, expected in (
        (fields | {key: value}, "card.malformed"),
        (good, "accepted"),
        (fields | {key: value}, "card.malformed"),
    ):
        code = f"ABTC1:{_base45.encode(cbor2.dumps(content, canonical=True))}"
        assert decide(code, trust=trust) == expected


@pytest.mark.parametrize(
    ("form", "members", "length"),
    [
        ("physical", {"x": "\1" * 923}, 8192),
        ("physical", {"x": "\1" * 924}, 8200),
        ("app", {"x": "\1" * 862, "y": "y" * 4}, 8192),
        ("app", {"x": "\1" * 862, "y": "y" * 5}, 8194),
    ],
)
def test_q2_the_longest_text(form: str, members: dict[str, Any], length: int) -> None:
    """The text form ends at 8,192 characters, for a code as for the text itself."""
    text = WORLD.show(WORLD.card(form=form, **members), as_text=True)
    card, _, proof = text.partition("~")
    fields = cbor2.loads(_base45.decode(WORLD.show(WORLD.card(form=form))[6:]))
    fields |= members
    fields[0] = _b64.decode(card.rpartition(".")[2])
    if proof:
        fields[18] = _b64.decode(proof.rpartition(".")[2])
    code = f"ABTC1:{_base45.encode(cbor2.dumps(fields, canonical=True))}"
    assert len(text) == length
    expected = "accepted" if length == 8192 else "card.malformed"
    assert decide(text) == decide(code) == expected


def test_q2_codes_obey_the_limits_of_the_text() -> None:
    """What the presentation text may not say, its packed form may not say either."""
    codes = sorted(f"X{first}{second}" for first, second in product(AZ, AZ))
    for claims, field, value in (
        ({"economies": ["XXA", "XXA"]}, 16, [0, "XXA", "XXA"]),
        ({"economies": ["XXB", "XXA"]}, 16, [0, "XXB", "XXA"]),
        ({"economies": codes[:65]}, 16, [0, *codes[:65]]),
        ({"economies": ["AUS", *codes[:64]]}, 16, [1, *codes[:64]]),
        ({"long": "\0" * 1100}, "long", "\0" * 1100),
    ):
        card = WORLD.card(form="physical", **dict[str, Any](claims))
        fields = cbor2.loads(_base45.decode(WORLD.show(PLASTIC)[6:]))
        signature = _b64.decode(card.removesuffix("~").rpartition(".")[2])
        fields |= {0: signature, field: value}
        code = f"ABTC1:{_base45.encode(cbor2.dumps(fields, canonical=True))}"
        assert decide(card) == decide(code) == "card.malformed", claims
    at_most = WORLD.card(form="physical", economies=["AUS", *codes[:63]])
    assert decide(at_most) == decide(verifier.pack(at_most)) == "accepted"


def test_seen_cards_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of good cards does not grow the memory beyond its size."""
    monkeypatch.setattr("verifier.trust._MEMO_SIZE", 3)
    trust = WORLD.trust()
    for number in range(8):
        code = WORLD.show(WORLD.card(document_number=f"N{number}"))
        for _ in range(2):
            assert decide(code, trust=trust) == "accepted"
        assert 1 <= len(trust.seen_cards._cards) <= 3


def test_seen_cards_are_remembered() -> None:
    """A good ordinary card is remembered, and nothing else is."""
    for code, how, expected in (
        (CODE, {}, 1),
        (WORLD.show(PLASTIC), {}, 1),
        (WORLD.show(WORLD.card(other=1)), {}, 0),
        (WORLD.show(CARD, challenge=CHALLENGE), {"challenge": CHALLENGE}, 0),
        (WORLD.show(WORLD.card(key=fixed_key("forger"))), {}, 0),
    ):
        trust = WORLD.trust()
        decide(code, trust=trust, **how)
        assert len(trust.seen_cards._cards) == expected


def test_seen_cards_serve_many_threads() -> None:
    """Threads that push each other's cards out of the memory all decide alike."""
    trust = WORLD.trust()
    shown = [
        WORLD.show(WORLD.card(document_number=f"N{number}")) for number in range(12)
    ]
    forged = WORLD.show(CARD, key=fixed_key("another phone"))

    def lane(start: int) -> set[str]:
        codes = shown[start:] + shown[:start]
        return {decide(code, trust=trust) for code in codes * 10}

    def thief(_: int) -> set[str]:
        return {decide(forged, trust=trust) for _ in range(120)}

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(8) as lanes:
        patch.setattr("verifier.trust._MEMO_SIZE", 4)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            good, bad = lanes.map(lane, range(12)), lanes.map(thief, range(2))
            assert set().union(*good) == {"accepted"}
            assert set().union(*bad) == {"proof.device"}
        finally:
            sys.setswitchinterval(interval)


def test_seen_cards_answer_challenges() -> None:
    """An answer to a challenge is judged alike the first time and the second."""
    code = WORLD.show(WORLD.card(document_number="NEW1"), challenge=CHALLENGE)
    for _ in range(2):
        assert decide(code, challenge=CHALLENGE) == "accepted"
        assert decide(code) == "proof.nonce"


def test_seen_cards_still_need_a_good_proof() -> None:
    """For a card seen before, another phone's proof is refused all the same."""
    assert decide(CODE) == "accepted"
    forged = WORLD.show(CARD, key=fixed_key("another phone"))
    assert decide(forged) == "proof.device"
    assert decide(CODE, now=NOW + timedelta(seconds=60)) == "proof.stale"


def test_presentation_text_with_other_member_order() -> None:
    """A standard wallet may order its proof as it likes; packing needs one order."""
    iat = int(NOW.timestamp())
    digest = b64u(hashlib.sha256(CARD.encode()).digest())
    payload = {
        "sd_hash": digest,
        "nonce": f"iat.{iat}",
        "iat": iat,
        "aud": "urn:abtc:border",
    }
    proof = jws(
        {"typ": "kb+jwt", "alg": "ES256"}, {**payload, "jti": "7"}, fixed_key("holder")
    )
    assert decide(CARD + proof) == "accepted"
    with pytest.raises(verifier.PackingError):
        verifier.pack(CARD + proof)
