"""Base45, base64url and JSON: one spelling, or none."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier import _b64, _base45, _json

ANY = r"."
RFC_9285 = {"BB8": b"AB", "%69 VD92EX0": b"Hello!!", "UJCLQE7W581": b"base-45"}


@pytest.mark.parametrize(("text", "data"), RFC_9285.items())
def test_base45_examples_of_the_standard(text: str, data: bytes) -> None:
    """The examples of RFC 9285 read and write."""
    assert _base45.decode(text) == data
    assert _base45.encode(data) == text


def test_base45_largest_groups() -> None:
    """FGW is the largest group of three, U5 the largest of two."""
    assert _base45.decode("FGW") == b"\xff\xff"
    assert _base45.decode("U5") == b"\xff"


@pytest.mark.parametrize(
    "text",
    ["GGW", ":::", "V5", "bb8", "BB8\n", " BB8 BB8\t", "B", "BB8B", "BBé", "\ud800BB"],
)
def test_q3_loose_base45(text: str) -> None:
    """A group out of range, a foreign character or an odd length is refused."""
    with pytest.raises(ValueError, match=ANY):
        _base45.decode(text)


@given(st.binary(max_size=600))
def test_base45_is_a_bijection(data: bytes) -> None:
    """Writing and reading gives the bytes back."""
    assert _base45.decode(_base45.encode(data)) == data


@given(st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", max_size=90))
def test_base45_has_one_spelling(text: str) -> None:
    """Any text that reads is the text that its bytes write."""
    try:
        data = _base45.decode(text)
    except ValueError:
        return
    assert _base45.encode(data) == text


LOOSE_BASE64URL = [
    "YQ==", "YQ=", "YR", "Y+", "Y/", " YQ", "YQ\n", "Y Q", "Y", "YWJjZ", "é", "\ud800",
    "YQ\x00",
]  # fmt: skip


@pytest.mark.parametrize("text", LOOSE_BASE64URL)
def test_j9_loose_base64url(text: str) -> None:
    """Padding, foreign characters, white space and unused bits are refused."""
    with pytest.raises(ValueError, match=ANY):
        _b64.decode(text)


@given(st.binary(max_size=100))
def test_base64url_round_trip(data: bytes) -> None:
    """Writing and reading gives the bytes back, without padding."""
    text = _b64.encode(data)
    assert _b64.decode(text) == data
    assert "=" not in text


BAD_JSON = {
    "duplicate": b'{"a":1,"a":1}',
    "nested duplicate": b'{"b":{"a":1,"a":2}}',
    "duplicate by escape": b'{"a":1,"\\u0061":2}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "1e400": b'{"a":1e400}',
    "fraction": b'{"a":1.0}',
    "-0": b'{"a":-0}',
    "2**64": b'{"idx":18446744073709551616}',
    "2**53 + 1": b'{"a":9007199254740993}',
    "2**53 + 1 in a list": b'{"a":[9007199254740993]}',
    "2**53 + 1 inside": b'{"a":{"b":-9007199254740993}}',
    "depth 17, empty": b'{"a":' * 16 + b"[]" + b"}" * 16,
    "4300 digits": b'{"a":' + b"1" * 4300 + b"}",
    "4301 digits": b'{"a":' + b"1" * 4301 + b"}",
    "full-width digits": b'{"a":\xef\xbc\x91}',
    "leading zero": b'{"a":01}',
    "lone surrogate": b'{"a":"\\ud800"}',
    "lone surrogate in a name": b'{"\\udfff":1}',
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
    "not UTF-8": b'{"a":"\xff"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "array": b"[]",
    "text": b'"a"',
    "empty": b"",
    "two values": b"{} {}",
    "depth 17": b'{"a":' * 17 + b"1" + b"}" * 17,
    "depth 1,000": b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}",
    "depth 100,000": b"[" * 100_000,
}


@pytest.mark.parametrize("data", BAD_JSON.values(), ids=BAD_JSON.keys())
def test_j8_j10_j11_bad_json(data: bytes) -> None:
    """What the standard reader lets through is refused, and nothing else is raised."""
    with pytest.raises(ValueError, match=ANY):
        _json.parse_object(data)


@pytest.mark.parametrize("value", [b"[]", b"{}", b"0", b'{"a":0}'])
def test_j11_many_values(value: bytes) -> None:
    """Memory is bounded before anything is built: a million values are not read."""
    for count in (2**16 + 2, 1_000_000):
        data = b'{"a":[' + b",".join([value] * count) + b"]}"
        tracemalloc.start()
        with pytest.raises(ValueError, match="too many"):
            _json.parse_object(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**20
    assert _json.parse_object(b'{"a":[' + b",".join([value] * (2**16 + 1)) + b"]}")


def test_json_at_the_limits() -> None:
    """Sixteen levels are read, whatever is innermost, and the largest numbers."""
    for inner in (b"7", b"{}", b"[]"):
        levels = 16 if inner == b"7" else 15
        deep = b'{"a":' * levels + inner + b"}" * levels
        value: object = _json.parse_object(deep)
        for _ in range(levels):
            assert isinstance(value, dict)
            value = value["a"]
    assert _json.parse_object(b'{"idx":18446744073709551615}') == {"idx": 2**64 - 1}
    assert _json.parse_object(b'{"a":[-9007199254740992]}') == {"a": [-(2**53)]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, True), (4_102_444_800, True), (4_102_444_801, False), (-1, False)]
    + [(value, False) for value in (True, 1.0, "1", None)],
)
def test_j10_moments(value: object, expected: bool) -> None:
    """A moment is an integer from 1970 to 2100; true is not an integer."""
    assert _json.is_moment(value) is expected


@given(st.text(st.characters(codec="utf-8")))
def test_canonical_text_is_what_the_standard_says(text: str) -> None:
    """Canonical JSON escapes quotes, backslashes and controls, and nothing else."""
    short = {
        "\b": "b",
        "\t": "t",
        "\n": "n",
        "\f": "f",
        "\r": "r",
        '"': '"',
        "\\": "\\",
    }
    expected = "".join(
        f"\\{short[char]}"
        if char in short
        else f"\\u{ord(char):04x}"
        if ord(char) < 0x20
        else char
        for char in text
    )
    assert _json.canonical(text) == f'"{expected}"'
    assert json.loads(_json.canonical(text)) == text
