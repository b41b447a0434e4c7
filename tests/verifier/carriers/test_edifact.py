"""The syntax of carriers' messages: what is read, refused and written again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.soak import SOAK
from tests.verifier.carriers.samples import ACKNOWLEDGED, CHANGE, CUSRES, PAXLST
from verifier.carriers import (
    MAX_BYTES,
    EdifactError,
    EdifactFault,
    Segment,
    Syntax,
    read_cusres,
    read_paxlst,
)
from verifier.carriers.edifact import MAX_SEGMENTS, read_segments, write_segments
from verifier.carriers.envelope import read_messages, write_messages

SAMPLES = {"PAXLST": PAXLST, "CUSRES": CUSRES, "CHANGE": CHANGE, "ACK": ACKNOWLEDGED}
HEAD = b"UNB+UNOA:4+A+B+300115:1200+1'"
FUZZ = settings(
    max_examples=10_000 if SOAK else 100,
    derandomize=not SOAK,
    database=None,
    deadline=None,
)


def fault_of(data: bytes) -> EdifactError:
    """What reading the segments says is wrong."""
    with pytest.raises(EdifactError) as caught:
        read_segments(data)
    return caught.value


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_round_trip(name: str) -> None:
    """What was read is written again without loss, unknown elements included."""
    kind = "PAXLST" if name == "PAXLST" else "CUSRES"
    envelope, messages = read_messages(SAMPLES[name], kind)
    written = write_messages(envelope, messages, kind)
    assert read_messages(written, kind) == (envelope, messages)
    plain = SAMPLES[name].replace(b"\n", b"")
    assert written.removeprefix(b"UNA:+.? '") == plain.removeprefix(b"UNA:+.? '")


@pytest.mark.parametrize(
    ("body", "fault", "position"),
    [
        (b"", EdifactFault.ENVELOPE, 1),
        (b"hello", EdifactFault.ENVELOPE, 1),
        (b"UNB", EdifactFault.ENVELOPE, 1),
        (b"UNB+'", EdifactFault.ENVELOPE, 1),
        (b"UNB+UNOA'", EdifactFault.ENVELOPE, 1),
        (b"UNB+UNOX:4+A+B'", EdifactFault.CHARACTER_SET, 1),
        (b"UNB+UNOA:9+A+B'", EdifactFault.ENVELOPE, 1),
        (HEAD + b"''", EdifactFault.SYNTAX, 2),
        (HEAD + b"BGM+1''BGM+2'", EdifactFault.SYNTAX, 3),
        (HEAD + b"+x'", EdifactFault.SYNTAX, 2),
        (HEAD + b"B:GM+x'", EdifactFault.SYNTAX, 2),
        (HEAD + b"bgm+x'", EdifactFault.SYNTAX, 2),
        (HEAD + b"BGMX+x'", EdifactFault.SYNTAX, 2),
        (HEAD + b"BGM+x", EdifactFault.SYNTAX, 2),
        (HEAD + b"BGM+", EdifactFault.SYNTAX, 2),
        (HEAD + b"BGM+A?'", EdifactFault.SYNTAX, 2),
        (HEAD + b"BGM+A?", EdifactFault.SYNTAX, 2),
        (HEAD + b"BGM+A?\n'", EdifactFault.SYNTAX, 2),
        (HEAD + b"BGM+A\nB'", EdifactFault.CHARACTER, 2),
        (HEAD + b"BGM+lower'", EdifactFault.CHARACTER, 2),
        (HEAD + b"BGM+\xc3\xa9'", EdifactFault.CHARACTER, 2),
        (HEAD + b"BGM+A\0B'", EdifactFault.CHARACTER, 0),
        (HEAD + b"BGM+" + b"A" * 513 + b"'", EdifactFault.TOO_LARGE, 2),
        (HEAD + b"BGM" + b"+A" * 41 + b"'", EdifactFault.TOO_LARGE, 2),
        (HEAD + b"BGM+" + b"A:" * 20 + b"A'", EdifactFault.TOO_LARGE, 2),
        (b"UNA:+.? ", EdifactFault.ENVELOPE, 1),
        (b"UNA::.? '" + HEAD, EdifactFault.ADVICE, 0),
        (b"UNA:+.?A'" + HEAD, EdifactFault.ADVICE, 0),
        (b"UNA:+.? \xe9" + HEAD, EdifactFault.ADVICE, 0),
        (b"UNA;*.? '" + HEAD, EdifactFault.ADVICE, 1),
        (b"UNA:+.?*'" + HEAD + b"BGM+A?*B*C'", EdifactFault.SYNTAX, 2),
    ],
)
def test_what_is_no_interchange_is_named(
    body: bytes, fault: EdifactFault, position: int
) -> None:
    """Each fault has its word and the segment in which it is."""
    error = fault_of(body)
    assert (error.fault, error.position) == (fault, position)


def test_an_error_names_the_place_and_quotes_nothing() -> None:
    """Names of travellers do not come into logs by way of an error."""
    error = fault_of(HEAD + b"NAD+FL+++SECRET:Name'")
    assert (error.tag, error.element, error.component) == ("NAD", 4, 2)
    assert str(error).startswith("segment 2 (NAD), element 4, component 2 has")
    assert "name" not in str(error).lower().replace("named", "")


def test_a_released_advice_in_a_name_drops_nothing() -> None:
    """A name that holds ``'UNA`` is a name: nothing before it disappears."""
    _, segments = read_segments(HEAD + b"BGM+745'NAD+FL+++O?'UNALE'UNZ+0+1'")
    assert [each.tag for each in segments] == ["UNB", "BGM", "NAD", "UNZ"]
    assert segments[2].get(4) == "O'UNALE"


def test_other_service_characters_are_taken_from_the_advice() -> None:
    """Also one without a release character, in which a question mark is one."""
    body = b"UNA|*.  $UNB*UNOB|4*A*B*300115|1200*1$BGM*what? now$UNZ*0*1$"
    syntax, segments = read_segments(body)
    assert segments[1].get(1) == "what? now"
    assert write_segments(segments, syntax) == body
    with pytest.raises(EdifactError) as caught:
        write_segments([*segments, Segment.of("FTX", "5|6")], syntax)
    assert caught.value.fault is EdifactFault.CHARACTER


def test_a_repetition_separator_is_a_letter_in_old_versions() -> None:
    """Versions 1 to 3 repeat nothing: an asterisk is an asterisk there."""
    body = b"UNA:+.?*'UNB+UNOA:3+A+B+300115:1200+1'BGM+A*B'UNZ+0+1'"
    assert read_segments(body)[1][1].get(1) == "A*B"


@pytest.mark.parametrize(
    ("identifier", "text", "bytes_"),
    [("UNOC", "Ærø", b"\xc6r\xf8"), ("UNOY", "Ærø 陳", "Ærø 陳".encode())],
)
def test_wider_character_sets(identifier: str, text: str, bytes_: bytes) -> None:
    """UNOC is ISO 8859-1 and UNOY is UTF-8; neither carries control characters."""
    syntax = Syntax(identifier=identifier)
    segments = [
        Segment.of("UNB", (identifier, "4"), "A", "B", ("300115", "1200"), "1"),
        Segment.of("FTX", "AAI", "", "", text),
        Segment.of("UNZ", "0", "1"),
    ]
    data = write_segments(segments, syntax)
    assert bytes_ in data
    assert list(read_segments(data)[1]) == segments
    hidden = data.replace(bytes_, "\u0085".encode(syntax.encoding))
    assert fault_of(hidden).fault is EdifactFault.CHARACTER
    assert fault_of(data.replace(b"FTX", b"F\xffX")).position in {1, 2}


def test_q9_direction_controls_are_refused() -> None:
    """A name cannot turn the line round that it is shown in."""
    body = "UNB+UNOY:4+A+B+300115:1200+1'NAD+FL+++\u202eENAJ'UNZ+0+1'".encode()
    assert fault_of(body).fault is EdifactFault.CHARACTER


def test_size_comes_before_reading() -> None:
    """What is too large costs nothing; what has too many segments stops there."""
    assert fault_of(b"UNB" + b"x" * MAX_BYTES).fault is EdifactFault.TOO_LARGE
    many = HEAD + b"BGM+1'" * MAX_SEGMENTS
    assert fault_of(many).fault is EdifactFault.TOO_LARGE


@pytest.mark.parametrize(
    ("old", "new", "fault", "tag"),
    [
        (b"UNZ+1+000000042", b"UNZ+2+000000042", EdifactFault.COUNT, "UNZ"),
        (b"UNZ+1+000000042", b"UNZ+1+000000043", EdifactFault.ENVELOPE, "UNZ"),
        (b"UNE+1+7", b"UNE+2+7", EdifactFault.COUNT, "UNE"),
        (b"UNE+1+7", b"UNE+1+8", EdifactFault.ENVELOPE, "UNE"),
        (b"UNT+41", b"UNT+40", EdifactFault.COUNT, "UNT"),
        (b"UNT+41", b"UNT+041", EdifactFault.COUNT, "UNT"),
        (b"UNT+41+PAX001", b"UNT+41+PAX002", EdifactFault.ENVELOPE, "UNT"),
        (b"UNT+41+PAX001'\n", b"", EdifactFault.ENVELOPE, "UNH"),
        (b"UNE+1+7'\n", b"", EdifactFault.ENVELOPE, "UNT"),
        (b"UNZ+1+000000042'\n", b"", EdifactFault.ENVELOPE, "UNE"),
        (b"D:05B:UN", b"D:96A:UN", EdifactFault.MESSAGE, "UNH"),
        (b"PAXLST:D", b"CUSRES:D", EdifactFault.MESSAGE, "UNH"),
        (b"UNG+PAXLST", b"UNG+CUSRES", EdifactFault.MESSAGE, "UNG"),
        (b"BGM+745'\n", b"UNE+1+7'\n", EdifactFault.ENVELOPE, "UNE"),
        (b"+SGPGOV+300115:1200+0", b"++300115:1200+0", EdifactFault.MISSING, "UNB"),
        (b"BGM+745'\n", b"UNH+2'\n", EdifactFault.COUNT, "UNE"),
    ],
)
def test_headers_and_trailers_belong_together(
    old: bytes, new: bytes, fault: EdifactFault, tag: str
) -> None:
    """A cut, joined or recounted interchange is none."""
    assert PAXLST.count(old) == 1
    with pytest.raises(EdifactError) as caught:
        read_messages(PAXLST.replace(old, new), "PAXLST")
    assert (caught.value.fault, caught.value.tag) == (fault, tag)


texts = st.text(
    st.sampled_from([*'ABCXYZ0189 .,-()/=!"%&*;<>', ":", "+", "'", "?"]), max_size=12
)
elements = st.lists(st.lists(texts, min_size=1, max_size=4).map(tuple), max_size=6)
segments_ = st.builds(
    lambda tag, parts: Segment.of(tag, *parts),
    st.text(st.sampled_from("ABCDEFXYZ"), min_size=3, max_size=3),
    elements.filter(any),
)


@FUZZ
@given(st.lists(segments_, max_size=8))
def test_whatever_is_written_reads_as_it_was(body: list[Segment]) -> None:
    """Separators, terminators and release characters in a text stay in it."""
    begin = Segment.of("UNB", ("UNOA", "4"), "A", "B", ("300115", "1200"), "1")
    data = write_segments([begin, *body], Syntax())
    assert list(read_segments(data)[1]) == [begin, *body]


def read_anything(data: bytes) -> None:
    """Read bytes as all that they can be: only the documented error comes out."""
    for read in (read_paxlst, read_cusres):
        try:
            _, found = read(data)
        except EdifactError:
            continue
        for each in found:
            assert each.segments
            for one in each.travellers:
                assert one.reference is not None
                if hasattr(one, "passport"):
                    one.passport()


@FUZZ
@given(st.binary(max_size=400))
def test_l12_bytes_raise_nothing_else(data: bytes) -> None:
    """Raw bytes, behind a good header or alone."""
    read_anything(data)
    read_anything(HEAD + data)
    read_anything(b"UNA" + data)


@FUZZ
@given(
    st.sampled_from([*SAMPLES.values()]),
    st.lists(
        st.tuples(
            st.integers(0, 1200),
            st.integers(0, 3),
            st.sampled_from([b"", b"'", b"+", b":", b"?", b"\n", b"UNA", b"9", b"\xff"])
            | st.binary(max_size=4),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_l12_mutated_samples_raise_nothing_else(
    sample: bytes, changes: list[tuple[int, int, bytes]]
) -> None:
    """Cut, replaced and inserted bytes of messages that are good."""
    for at, cut, put in changes:
        place = at % len(sample)
        sample = sample[:place] + put + sample[place + cut :]
    read_anything(sample)


@FUZZ
@given(st.lists(st.sampled_from(PAXLST.splitlines()[3:-3]), max_size=30))
def test_l12_good_segments_in_any_order_raise_nothing_else(rows: list[bytes]) -> None:
    """Well-formed, rightly counted, and built as no PAXLST is."""
    count = str(len(rows) + 2).encode()
    read_anything(
        HEAD
        + b"UNH+1+PAXLST:D:05B:UN'"
        + b"".join(rows)
        + b"UNT+"
        + count
        + b"+1'UNZ+1+1'"
    )
