"""Status lists: what is read, what is refused, and that nothing can explode."""

import json
import tracemalloc
import zlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import verifier
from tests.simulator import NOW, PUBLISHED, World, b64u, fixed_key, jws
from verifier import _b64, _signed_list, _status

URI = "https://abtc.example/AUS/status/1"
NAME = "AUS/status/1.jwt"
DRAFT_ONE_BIT = "eNrbuRgAAhcBXQ", [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
DRAFT_TWO_BITS = "eNo76fITAAPfAgc", [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]


def decide(token: bytes, **policy: Any) -> verifier.Decision:
    """The decision about a good card when this is its list."""
    world = World(economies=["AUS", "SGP"])
    trust = world.trust(replace={NAME: token})
    return world.verify(world.show(world.card()), trust=trust, **policy)


def token(**changes: Any) -> bytes:
    return World(economies=["AUS", "SGP"]).list_token(NAME, **changes)


def list_of(bits: object, lst: object) -> dict[str, object]:
    return {"bits": bits, "lst": lst}


def packed(data: bytes) -> str:
    return b64u(zlib.compress(data, 9))


def reason_of(decision: verifier.Decision) -> str:
    assert not isinstance(decision, verifier.Accepted)
    return decision.reason.value


@pytest.mark.parametrize(("bits", "vector"), [(1, DRAFT_ONE_BIT), (2, DRAFT_TWO_BITS)])
def test_s5_draft_vectors(bits: int, vector: tuple[str, list[int]]) -> None:
    """Entries fill each byte from the least significant bit, as in the draft."""
    text, states = vector
    entries = _status.inflate(_b64.decode(text), 2**20)
    found = _status.StatusList(
        uri=URI,
        issued_at=NOW,
        expires_at=NOW,
        refresh_after=None,
        bits=bits,
        entries=entries,
    )
    assert [found.state(index) for index in range(len(found))] == states
    assert found.state(len(found)) is None
    assert found.state(-1) is None


@given(st.sampled_from([1, 2, 4, 8]), st.data())
def test_s5_every_width(bits: int, data: st.DataObject) -> None:
    """A list of any width gives back what was put in, entry by entry."""
    per_byte = 8 // bits
    states = data.draw(
        st.lists(st.integers(0, 2**bits - 1), min_size=per_byte, max_size=64)
    )
    states = states[: len(states) // per_byte * per_byte]
    entries = bytearray(len(states) // per_byte)
    for index, state in enumerate(states):
        entries[index // per_byte] |= state << index % per_byte * bits
    found = _status.StatusList(
        uri=URI,
        issued_at=NOW,
        expires_at=NOW,
        refresh_after=None,
        bits=bits,
        entries=bytes(entries),
    )
    assert [found.state(index) for index in range(len(states))] == states


WRONG_LISTS: dict[str, dict[str, Any]] = {
    "other sub": {"sub": f"{URI}0"},
    "sub of another economy": {"sub": "https://abtc.example/SGP/status/1"},
    "no sub": {"sub": None},
    "another economy's key": {"key": fixed_key("SGP-status")},
    "the card key": {"key": fixed_key("AUS-card")},
    "the card key by its own name": {
        "key": fixed_key("AUS-card"),
        "header": {"kid": "AUS-card"},
    },
    "typ JWT": {"header": {"typ": "JWT"}},
    "typ of a card": {"header": {"typ": "dc+sd-jwt"}},
    "alg none": {"header": {"alg": "none"}},
    "crit": {"header": {"crit": ["exp"]}},
    "jwk in the header": {"header": {"jwk": {}}},
    "unknown kid": {"header": {"kid": "AUS-other"}},
    "dated after the trust data": {"iat": NOW},
    "dated before its key": {"iat": NOW - timedelta(days=366)},
    "exp before iat": {"exp": 1},
    "exp at iat": {"exp": int((NOW - PUBLISHED).timestamp())},
    "exp as text": {"exp": "4000000000"},
    "exp missing": {"exp": None},
    "ttl 0": {"ttl": 0},
    "ttl -1": {"ttl": -1},
    "ttl text": {"ttl": "60"},
    "ttl true": {"ttl": True},
    "bits 3": {"status_list": list_of(3, packed(b"\0" * 16))},
    "bits 0": {"status_list": list_of(0, packed(b"\0" * 16))},
    "bits 16": {"status_list": list_of(16, packed(b"\0" * 16))},
    "bits text": {"status_list": list_of("1", packed(b"\0" * 16))},
    "bits true": {"status_list": list_of(True, packed(b"\0" * 16))},
    "lst missing": {"status_list": {"bits": 2}},
    "lst a number": {"status_list": list_of(2, 7)},
    "status_list a list": {"status_list": []},
    "not base64url": {"status_list": list_of(2, "eN=")},
    "truncated": {"status_list": list_of(2, b64u(zlib.compress(bytes(16))[:-6]))},
    "checksum cut": {"status_list": list_of(2, b64u(zlib.compress(bytes(16))[:-1]))},
    "checksum wrong": {
        "status_list": list_of(2, b64u(zlib.compress(bytes(16))[:-1] + b"\x7f"))
    },
    "trailing junk": {"status_list": list_of(2, b64u(zlib.compress(bytes(16)) + b"x"))},
    "second member": {"status_list": list_of(2, b64u(zlib.compress(bytes(16)) * 2))},
    "raw deflate": {"status_list": list_of(2, b64u(zlib.compress(bytes(16))[2:-4]))},
    "gzip": {"status_list": list_of(2, b64u(zlib.compress(bytes(16), wbits=31)))},
    "empty": {"status_list": list_of(2, "")},
}


@pytest.mark.parametrize("changes", WRONG_LISTS.values(), ids=WRONG_LISTS.keys())
def test_s1_s2_s3_wrong_lists(changes: dict[str, Any]) -> None:
    """A list that is wrong in one respect is no list: Undecided, and it says so."""
    assert reason_of(decide(token(**changes))) == "status.unusable"


@pytest.mark.parametrize("iat", [None, "1894705200", True, 1.5, -1, 2**40])
def test_s2_a_list_that_does_not_say_of_when_it_is(iat: object) -> None:
    """A list that is signed, and dated by nothing or by nonsense, is no list."""
    header, payload, _ = token().decode().split(".")
    members = json.loads(_b64.decode(header))
    claims = json.loads(_b64.decode(payload)) | {"iat": iat}
    made = jws(members, claims, fixed_key("AUS-status")).encode()
    assert reason_of(decide(made)) == "status.unusable"


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("extra", [0, 1])
def test_s3_the_longest_list(bits: int, extra: int) -> None:
    """1,048,576 entries are read whatever their width; one byte more is not."""
    entries = bytes(2**20 * bits // 8 + extra)
    found = decide(token(status_list=list_of(bits, packed(entries))))
    assert isinstance(found, verifier.Accepted) == (extra == 0)


@pytest.mark.parametrize(("seconds", "expected"), [(1, "accepted"), (0, "stale")])
def test_s2_a_list_ends_with_its_exp(seconds: int, expected: str) -> None:
    """The second at which a list ends is no longer its own."""
    ends = int(NOW.timestamp()) + seconds
    found = decide(token(exp=ends))
    if expected == "accepted":
        assert isinstance(found, verifier.Accepted)
    else:
        assert reason_of(found) == f"status.{expected}"


def test_s3_preset_dictionary() -> None:
    """A stream that needs a dictionary is refused."""
    stream = zlib.compressobj(zdict=b"ABTC")
    data = stream.compress(b"ABTC" * 9) + stream.flush()
    wrong = token(status_list=list_of(2, b64u(data)))
    assert reason_of(decide(wrong)) == "status.unusable"


def test_s3_inflation_is_capped() -> None:
    """A megabyte that inflates to a gigabyte costs a few megabytes, and is refused."""
    stream = zlib.compressobj(9)
    bomb = b"".join(stream.compress(bytes(2**20)) for _ in range(1024)) + stream.flush()
    wrong = token(status_list=list_of(2, b64u(bomb)))
    world = World(economies=["AUS", "SGP"])
    documents = {**world.documents(), NAME: wrong}
    tracemalloc.start()
    trust = verifier.Trust.from_documents(
        documents, version=1, issued_at=NOW, expires_at=NOW + timedelta(days=1)
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [problem.document for problem in trust.problems] == [NAME]
    assert peak < 64 * 2**20


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_s3_the_longest_token(extra: int) -> None:
    """A good list in 4,194,304 characters is read; a longer one is not."""
    most = 4 * 2**20
    padding = (most - len(token(x=""))) * 3 // 4
    found = next(
        made
        for made in (token(x="x" * (padding + more)) for more in range(-3, 6))
        if len(made) >= most + extra
    )
    decision = decide(found)
    assert isinstance(decision, verifier.Accepted) == (len(found) == most)


@pytest.mark.parametrize("size", [4 * 2**20 + 1, 10 * 2**20])
def test_s3_long_tokens_are_not_read(size: int) -> None:
    """A token beyond the cap is refused before it is parsed."""
    assert reason_of(decide(b"A" * size)) == "status.unusable"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (-1, "card.malformed"),
        (5.0, "card.malformed"),
        ("5", "card.malformed"),
        (True, "card.malformed"),
        (None, "card.malformed"),
        (2**64, "card.malformed"),
        (64, "status.range"),
        (2**31, "status.range"),
        (2**63, "status.range"),
    ],
)
def test_s4_index(wrong: object, reason: str) -> None:
    """A wrong type is a bad card; an index that the list lacks is a question."""
    world = World(economies=["AUS", "SGP"])
    card = world.card(status={"status_list": {"idx": wrong, "uri": URI}})
    assert reason_of(world.verify(world.show(card, as_text=True))) == reason


def test_s4_last_index() -> None:
    """The last entry of the list counts."""
    world = World(economies=["AUS", "SGP"])
    card = world.card(status={"status_list": {"idx": 63, "uri": URI}})
    assert isinstance(world.verify(world.show(card)), verifier.Accepted)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (1, "revoked"),
        (2, "suspended"),
        (3, "superseded"),
        (4, "unknown"),
        (255, "unknown"),
    ],
)
def test_s7_every_value(state: int, reason: str) -> None:
    """1, 2 and 3 are refusals of three kinds; what the profile lacks is a question."""
    entries = bytes([0] * 7 + [state] + [0] * 8)
    found = decide(token(status_list=list_of(8, packed(entries))))
    assert reason_of(found) == f"status.{reason}"


@pytest.mark.parametrize(
    ("ttl", "expected"),
    [(1, 1), (60, 60), (86_400, 86_400), (10**12, 86_400), (None, None)],
)
def test_s2_ttl_is_clamped(ttl: int | None, expected: int | None) -> None:
    """An issuer can ask for a refresh within a day, never for a longer rest."""
    found = _signed_list._refresh_after({} if ttl is None else {"ttl": ttl})
    assert found == (None if expected is None else timedelta(seconds=expected))


def test_s8_one_list_withheld() -> None:
    """Without one economy's list its cards are Undecided, and others are unaffected."""
    world = World(economies=["AUS", "NZL", "SGP"])
    trust = world.trust(without=[NAME])
    ours = world.verify(world.show(world.card("AUS")), trust=trust)
    others = world.verify(world.show(world.card("NZL")), trust=trust)
    assert reason_of(ours) == "status.missing"
    assert isinstance(others, verifier.Accepted)


def test_s12_old_phone_after_rebinding() -> None:
    """Once the new list is here the old phone is refused and the new one lives."""
    world = World(economies=["AUS", "SGP"])
    old = world.card()
    new = world.card(status={"status_list": {"idx": 9, "uri": URI}})
    assert isinstance(world.verify(world.show(old)), verifier.Accepted)
    world.set_status(3)
    assert reason_of(world.verify(world.show(old))) == "status.superseded"
    assert isinstance(world.verify(world.show(new)), verifier.Accepted)


@pytest.mark.parametrize(
    ("signer", "expected"),
    [
        ("SGP", "entry.granted"),
        ("NZL", "entry.overlay_missing"),
        ("AUS", "entry.overlay_missing"),
    ],
)
def test_s13_only_the_destination_grants(signer: str, expected: str) -> None:
    """A grant in SGP's name counts only if SGP has signed it."""
    world = World(economies=["AUS", "NZL", "SGP"])
    world.set_overlay(3)
    name = "SGP/overlay/AUS/1.jwt"
    grant = world.list_token(name, key=fixed_key(f"{signer}-status"))
    found = world.verify(
        world.show(world.card(economies=[])), trust=world.trust(replace={name: grant})
    )
    assert isinstance(found, verifier.Accepted)
    assert found.entitlement.entry.reason == expected


def test_s13_overlay_of_another_list() -> None:
    """A grant over another list of the issuer does not reach this card."""
    world = World(economies=["AUS", "SGP"])
    world.set_overlay(3, number=2)
    found = world.verify(world.show(world.card(economies=[])))
    assert isinstance(found, verifier.Accepted)
    assert found.entitlement.entry.reason == "entry.not_cleared"


def test_j7_a_card_is_no_list() -> None:
    """A card signed by the status key, as a list, is refused; nor is a list a card."""
    world = World(economies=["AUS", "SGP"])
    card_as_list = world.card(key=fixed_key("AUS-status")).removesuffix("~").encode()
    assert reason_of(decide(card_as_list)) == "status.unusable"
    list_as_card = world.verify(f"{token().decode()}~")
    assert reason_of(list_as_card) == "card.malformed"


def test_j11_deep_list_token() -> None:
    """A token whose payload nests 100,000 levels is refused like any other."""
    header = {"alg": "ES256", "kid": "AUS-status", "typ": "statuslist+jwt"}
    deep = jws(header, b"[" * 100_000, fixed_key("AUS-status")).encode()
    assert reason_of(decide(deep)) == "status.unusable"
