"""Hostile inputs made from good ones, for the fuzz tests.

Without structure a fuzzer never gets past base45, CBOR and base64url, so there is one
mutator for each layer: text, JSON values, JSON bytes, and the packed map.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any

import cbor2
from hypothesis import strategies as st

from tests.simulator import b64u
from verifier import _b64, _base45

BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
ECONOMIES = (
    "AUS", "BRN", "CAN", "CHL", "CHN", "HKG", "IDN", "JPN", "KOR", "MEX", "MYS", "NZL",
    "PER", "PHL", "PNG", "RUS", "SGP", "THA", "TWN", "USA", "VNM",
)  # fmt: skip
Draw = Callable[[st.SearchStrategy[Any]], Any]

# Text

any_text = st.text(st.characters(exclude_categories=()), max_size=60)
"""Unlike ``st.text()``, with unpaired surrogates."""
snippets = st.one_of(
    any_text,
    st.text(BASE45, max_size=12),
    st.text(BASE64URL, max_size=12),
    st.sampled_from(
        ["~", ".", "ABTC1:", "ABTC2:", "=", "\n", "\0", "\ud800", "\u202e", "%", ":::"]
    ),
)


@st.composite
def edited(draw: Draw, texts: st.SearchStrategy[str]) -> str:
    """A text with one to four edits: cut, put in, replaced, doubled, moved."""
    text: str = draw(texts)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 1, 2, 3, 9, 64, 500])))
        kind = draw(st.sampled_from(["put", "double", "move", "other"]))
        if kind == "put":
            text = text[:start] + draw(snippets) + text[end:]
        elif kind == "double":
            text = text[:end] + text[start:end] + text[end:]
        elif kind == "move":
            text = text[end:] + text[start:end] + text[:start]
        else:
            other = draw(texts)
            text = text[:start] + other[start:]
    return text


# JSON values

NAMES = (
    "iss", "vct", "iat", "exp", "nbf", "status", "status_list", "idx", "uri", "cnf",
    "jwk", "kty", "crv", "x", "y", "d", "document_number", "family_name", "given_name",
    "birthdate", "nationality", "passport", "country", "number", "form", "economies",
    "alg", "kid", "typ", "crit", "aud", "nonce", "sd_hash", "_sd", "_sd_alg", "...",
    "sub", "ttl", "bits", "lst", "from", "until", "value", "unit", "use", "proof",
    "effect", "abtc", "economy", "issuer", "keys", "test", "moment", "destination",
)  # fmt: skip
INTEGERS = (
    -(2**63), -(2**53) - 1, -1, 0, 1, 2, 3, 7, 63, 64, 65_535, 65_536, 86_400,
    1_894_708_800, 1_894_708_801, 1_900_000_000, 4_102_444_800, 4_102_444_801, 2**31,
    2**32, 2**53, 2**53 + 1, 2**63, 2**64 - 1, 2**64, 10**30,
)  # fmt: skip
TEXTS = (
    "", "A", "AUS", "NZL", "XXA", "ZZZ", "app", "physical", "SGP", "CITIZEN", "A B",
    "A  B", "a", "A" * 39, "A" * 40, "1980-02-29", "1981-02-29", "1899-12-31", "D",
    "2099-12-31", "2100-01-01", "https://abtc.example/AUS", "https://abtc.example/NZL",
    "https://abtc.example/AUS/status/1", "https://abtc.example/AUS/status/01",
    "https://abtc.example/AUS/status/4294967296", "https://abtc.example/NZL/status/1",
    "https://abtc.example/AUS/", "urn:abtc:card:1", "urn:abtc:border", "ES256", "none",
    "dc+sd-jwt", "kb+jwt", "statuslist+jwt", "AUS-card", "NZL-card", "AUS-status",
    "iat.1894708800", "2029-01-15T12:00:00Z", "2029-01-15T12:00:60Z", "!AUS", "!", "EC",
    "full", "transitional", "excluded", "lane_only", "normal", "days", "months", "card",
    "entry", "\0" * 1100, '"\\' * 9, "\u202e", "\ud800", "\x7f", "é", "x" * 300,
)  # fmt: skip

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(INTEGERS),
    st.sampled_from(TEXTS),
    st.sampled_from([0.0, 1.5, 1e300, float("nan"), float("inf")]),
    any_text,
)
names = st.one_of(st.sampled_from(NAMES), any_text, st.just("n" * 65))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)
    ),
    max_leaves=8,
)
code_lists = st.one_of(
    st.lists(st.sampled_from([*ECONOMIES, "XXA", "XXB", "aus"]), max_size=6),
    st.lists(st.sampled_from([*ECONOMIES, "XXA", "XXB"]), max_size=6).map(sorted),
    st.integers(60, 90).map(
        lambda count: [f"X{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(count)]
    ),
)


@st.composite
def altered(draw: Draw, value: Any, most: int = 3) -> Any:
    """A JSON value with a few changes somewhere in its tree."""
    copy = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, most))):
        copy = _alter_once(draw, copy)
    return copy


def _alter_once(draw: Draw, value: Any) -> Any:
    kind = draw(st.sampled_from(["deeper", "deeper", "deeper", "new"]))
    if kind == "deeper" and isinstance(value, dict) and value:
        return _alter_members(draw, value)
    if kind == "deeper" and isinstance(value, list) and value:
        place = draw(st.integers(0, len(value) - 1))
        inner = _alter_once(draw, value[place])
        return [*value[:place], inner, *value[place + draw(st.integers(0, 1)) :]]
    if kind == "deeper" and isinstance(value, int):
        return value + draw(st.integers(-2, 2))
    if kind == "deeper" and isinstance(value, str):
        return draw(edited(st.just(value)))
    return draw(
        st.one_of(values, code_lists, st.just([value]), st.sampled_from([[], {}]))
    )


def _alter_members(draw: Draw, members: dict[str, Any]) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(members)))
    kind = draw(st.sampled_from(["deeper", "deeper", "new", "gone", "swap", "order"]))
    if kind == "deeper":
        return {**members, name: _alter_once(draw, members[name])}
    if kind == "new":
        return {**members, draw(names): draw(values)}
    if kind == "gone":
        return {key: value for key, value in members.items() if key != name}
    if kind == "swap":
        other = draw(st.sampled_from(sorted(members)))
        return {**members, name: members[other], other: members[name]}
    return dict(draw(st.permutations(list(members.items()))))


def each_place(value: Any, other: object) -> Iterator[Any]:
    """The value with one place after another changed; of a list, its first element."""
    yield other
    if isinstance(value, dict):
        for name, inner in value.items():
            for changed in each_place(inner, other):
                yield {**value, name: changed}
    elif isinstance(value, list) and value:
        for changed in each_place(value[0], other):
            yield [changed, *value[1:]]


# JSON bytes


@st.composite
def json_bytes(draw: Draw, value: Any) -> bytes:
    """One of many ways to write a value, some of them not JSON at all."""
    style = draw(st.sampled_from(["plain", "plain", "plain", "loose", "ascii", "bad"]))
    text = json.dumps(
        value,
        ensure_ascii=style == "ascii",
        separators=None if style == "loose" else (",", ":"),
    )
    if style == "bad":
        text = draw(
            st.sampled_from(
                [
                    f"\ufeff{text}",
                    f"{text}{{}}",
                    text.replace("{", '{"iss":1,', 1),
                    text.replace('"', "'"),
                    text.replace(":", ":[" * 2000, 1),
                    text.replace("1", "1.0", 1),
                    text[:-1],
                ]
            )
        )
    return text.encode("utf-8", "surrogatepass")


# The packed map


def packed_fields(code: str) -> dict[Any, Any]:
    """The map of a good QR text."""
    fields = cbor2.loads(_base45.decode(code.removeprefix("ABTC1:")))
    assert isinstance(fields, dict)
    return fields


def qr_text(packed: bytes) -> str:
    return f"ABTC1:{_base45.encode(packed)}"


cbor_values = st.one_of(
    values,
    code_lists.map(lambda codes: [0, *codes]),
    st.binary(max_size=70),
    st.sampled_from([bytes(64), b"\x02" + bytes(32), b"\x02" + b"\xff" * 32]),
    st.integers(-(2**64), 2**64 - 1),
    st.sampled_from([cbor2.undefined, cbor2.CBORSimpleValue(99)]),
    st.builds(cbor2.CBORTag, st.sampled_from([0, 2, 24, 25, 35, 55_799]), scalars),
    st.just([[[[[[[1]]]]]]]),
)
cbor_keys = st.one_of(
    st.integers(-2, 24),
    names,
    st.sampled_from([True, 1.0, None, b"\x01", 2**32, ("a",), "zzz"]),
)


@st.composite
def altered_fields(draw: Draw, fields: Mapping[Any, Any]) -> dict[Any, Any]:
    """The map with members gone, new, swapped or of other types."""
    copy = dict(fields)
    for _ in range(draw(st.integers(1, 3))):
        key = draw(st.sampled_from(list(copy)))
        kind = draw(st.sampled_from(["gone", "new", "value", "near", "swap"]))
        if kind == "gone" and len(copy) > 1:
            del copy[key]
        elif kind == "new":
            copy[draw(cbor_keys)] = draw(cbor_values)
        elif kind == "value":
            copy[key] = draw(cbor_values)
        elif kind == "near":
            copy[key] = _near(draw, copy[key])
        else:
            other = draw(st.sampled_from(list(copy)))
            copy[key], copy[other] = copy[other], copy[key]
    return copy


def _near(draw: Draw, value: Any) -> Any:
    if isinstance(value, bytes) and value:
        place = draw(st.integers(0, len(value) - 1))
        flipped = value[place] ^ 1 << draw(st.integers(0, 7))
        return value[:place] + bytes([flipped]) + value[place + 1 :]
    return _alter_once(draw, value)


@st.composite
def encoded(draw: Draw, fields: Mapping[Any, Any]) -> bytes:
    """The map in CBOR: deterministic, or loose in one respect."""
    pairs = [(_cbor(key), _cbor(value)) for key, value in fields.items()]
    style = draw(
        st.sampled_from(["good", "good", "good", "order", "twice", "loose", "end"])
    )
    pairs.sort()
    if style == "order":
        pairs = draw(st.permutations(pairs))
    elif style == "twice":
        pairs.append(draw(st.sampled_from(pairs)))
        pairs.sort()
    elif style == "loose":
        place = draw(st.integers(0, len(pairs) - 1))
        pairs[place] = (
            draw(loose_item(pairs[place][0])),
            draw(loose_item(pairs[place][1])),
        )
    body = b"".join(key + value for key, value in pairs)
    if style == "end":
        tail: bytes = draw(st.binary(max_size=3))
        heads = [b"\xbf", _head(5, len(pairs) + 1), _head(5, len(pairs))]
        return bytes(draw(st.sampled_from(heads))) + body + tail
    return _head(5, len(pairs)) + body


@st.composite
def loose_item(draw: Draw, item: bytes) -> bytes:
    """The same item in another encoding, if there is one."""
    kind = draw(st.sampled_from(["same", "long", "chunks", "tag"]))
    major, low = item[0] >> 5, item[0] & 31
    if kind == "long" and low < 24:
        return bytes([major << 5 | 24, low]) + item[1:]
    if kind == "long" and low < 27:
        width = 1 << low - 24
        return bytes([item[0] + 1]) + bytes(width) + item[1:]
    if kind == "chunks" and major in (2, 3, 4):
        return bytes([major << 5 | 31]) + (item if major < 4 else item[1:]) + b"\xff"
    return b"\xd8\x20" + item if kind == "tag" else item


def _head(major: int, number: int) -> bytes:
    return (
        bytes([major << 5 | number])
        if number < 24
        else bytes([major << 5 | 24, number])
    )


def _cbor(value: Any) -> bytes:
    try:
        return cbor2.dumps(value, canonical=True)
    except (ValueError, TypeError):  # such as text with unpaired surrogates
        return cbor2.dumps(None)


def loosely_packed(card: str, proof: str, fields: Mapping[Any, Any]) -> dict[Any, Any]:
    """The map that a careless issuer would make of a card, without any check.

    Args:
        card: Issuer JWT, without ``~``.
        proof: Key binding JWT, or empty.
        fields: The map of a good card, for what the claims do not say.
    """
    header, payload, signature = card.split(".")
    claims, members = _loose(payload), _loose(header)
    packed = dict(fields) | {0: _bytes(signature), 1: members.get("kid")}
    for key, name in _CLAIMS.items():
        packed[key] = claims.get(name)
    del packed[4]
    packed |= _packed_end(claims.get("exp")) | _packed_links(claims)
    packed |= {name: claims[name] for name in claims if name not in _PROFILE}
    if claims.get("form") != "app":
        packed.pop(8, None)
    if proof:
        stated, made = _loose(proof.split(".")[1]), _bytes(proof.split(".")[2])
        packed |= {17: stated.get("iat"), 18: made}
        if stated.get("nonce") != f"iat.{stated.get('iat')}":
            packed[19] = stated.get("nonce")
        if stated.get("aud") != "urn:abtc:border":
            packed[20] = stated.get("aud")
    return packed


_CLAIMS = {3: "iat", 9: "document_number", 10: "family_name", 11: "given_name"}
_PROFILE = frozenset(NAMES[:4]) | {
    "status", "cnf", "document_number", "family_name", "given_name", "birthdate",
    "nationality", "passport", "form", "economies",
}  # fmt: skip


def _packed_links(claims: Mapping[str, Any]) -> dict[Any, Any]:
    """The claims whose packed value is another than their own, where that works."""
    packed: dict[Any, Any] = {}
    issuer, codes = claims.get("iss"), claims.get("economies")
    if isinstance(issuer, str):
        packed[2] = issuer.removeprefix("https://")
    if isinstance(codes, list) and all(isinstance(code, str) for code in codes):
        bits = sum(1 << ECONOMIES.index(code) for code in set(codes) & set(ECONOMIES))
        others = [code for code in codes if code not in ECONOMIES]
        packed[16] = [bits, *others] if others else bits
    form, status = claims.get("form"), claims.get("status")
    packed[15] = {"app": 0, "physical": 1}.get(form) if isinstance(form, str) else form
    if isinstance(status, dict) and isinstance(status.get("status_list"), dict):
        packed[6] = status["status_list"].get("idx")
    passport, home = claims.get("passport"), claims.get("nationality")
    packed[13] = _code(home)
    if isinstance(passport, dict):
        number, country = passport.get("number"), passport.get("country")
        packed[14] = number if country == home else [_code(country), number]
    with suppress(ValueError, TypeError):
        born = date.fromisoformat(str(claims.get("birthdate")))
        packed[12] = (born - date(1900, 1, 1)).days
    return packed


def _code(value: Any) -> Any:
    if isinstance(value, str) and value in ECONOMIES:
        return ECONOMIES.index(value)
    return value


def _packed_end(ends_at: Any) -> dict[Any, Any]:
    if type(ends_at) is int and ends_at % 86_400 == 0:
        return {4: ends_at // 86_400}
    return {5: ends_at}


def _loose(part: str) -> dict[str, Any]:
    try:
        found = json.loads(_b64.decode(part))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _bytes(part: str) -> bytes:
    return _b64.decode(part)


def unsigned_jws(header: bytes, payload: bytes, signature: str) -> str:
    return f"{b64u(header)}.{b64u(payload)}.{signature}"
