"""Passenger lists and responses: what they say, and what we never write."""

from datetime import UTC, date, datetime, time
from itertools import product

import pytest

from tests.verifier.carriers.samples import ACKNOWLEDGED, CHANGE, CUSRES, PAXLST
from verifier import BasisAnswer, EntryBasis, Passport
from verifier.carriers import (
    BOARD_CODES,
    CustomsResponse,
    EdifactError,
    EdifactFault,
    Envelope,
    Leg,
    MessageHeader,
    PassengerList,
    Remark,
    ResponseKind,
    Segment,
    TravelDocument,
    Traveller,
    TravellerResponse,
    is_board_code,
    read_cusres,
    read_paxlst,
    remark_of,
    write_cusres,
    write_paxlst,
)
from verifier.carriers.moments import LocalTime

ENVELOPE = Envelope(sender="EXAMPLE AIR", recipient="SGPGOV", reference="42")
BASIS = EntryBasis(
    answer=BasisAnswer.GIVES,
    destination="SGP",
    arrival=date(2030, 1, 18),
    answered_at=datetime(2030, 1, 15, 12, tzinfo=UTC),
    data_as_of=datetime(2030, 1, 15, 11, tzinfo=UTC),
)


def a_list(*travellers: Traveller) -> PassengerList:
    """A list of ours about one flight."""
    return PassengerList.of(
        header=MessageHeader(reference="1", access="EX700"),
        transaction="EX7003001180900",
        leg=Leg.of(
            flight="EX700",
            carrier="EX",
            leaves=("SYD", LocalTime(date(2030, 1, 18), time(9))),
            arrives=("SIN", LocalTime(date(2030, 1, 18), time(14, 15))),
        ),
        travellers=travellers,
    )


def a_traveller(number: str = "PA1234567") -> Traveller:
    """A passenger with one passport."""
    paper = TravelDocument.of(number=number, issuer="AUS", expires_on=date(2034, 6, 30))
    return Traveller.of(
        family_name="CITIZEN",
        given_names="JANE",
        nationality="AUS",
        booking="QX7K2P",
        reference="EX700-0001",
        documents=[paper],
    )


def test_a_passenger_list_says_who_travels_where() -> None:
    """Flight, arrival, references and passports are read as they stand there."""
    envelope, (flight,) = read_paxlst(PAXLST)
    assert (envelope.sender, envelope.recipient) == ("EXAMPLE AIR", "SGPGOV")
    assert envelope.prepared == ("300115", "1200")
    assert not envelope.is_test
    assert (flight.document, flight.transaction) == ("745", "EX7003001180900")
    assert flight.header.part == ("01", "F")
    assert flight.legs[0].flight == "EX700"
    assert flight.arrival is not None
    assert (flight.arrival.place, flight.arrival.at) == (
        "SIN",
        LocalTime(date(2030, 1, 18), time(14, 15)),
    )
    jane, pat = flight.travellers
    assert (jane.role, jane.names) == ("FL", ("CITIZEN", "JANE", "MARY"))
    assert (jane.nationality, jane.birthdate) == ("AUS", "800214")
    assert (jane.embarks, jane.disembarks) == ("SYD", "SIN")
    assert (jane.booking, jane.reference) == ("QX7K2P", "EX700-0001")
    assert jane.passport() == Passport(
        country="AUS", number="PA1234567", expires_on=date(2034, 6, 30)
    )
    assert pat.names[0] == "O'NEIL"
    assert [each.kind for each in pat.documents] == ["P", "V"]
    assert pat.passport() == Passport(
        country="NZL", number="LM0123456", expires_on=date(2031, 1, 1)
    )


def test_a_list_of_ours_reads_as_it_was_made() -> None:
    """What a carrier makes here is what a government reads."""
    made = a_list(a_traveller())
    _, (read,) = read_paxlst(write_paxlst(ENVELOPE, [made]))
    assert read.segments == made.segments
    assert read.travellers[0].passport() == made.travellers[0].passport()
    assert read.arrival == made.arrival


def test_a_test_interchange_is_told() -> None:
    """The sender's mark for a test is not lost on the way."""
    marked = PAXLST.replace(b"000000042++APIS", b"000000042++APIS++++1")
    assert read_paxlst(marked)[0].is_test


@pytest.mark.parametrize(
    "papers",
    [
        b"",
        b"DOC+P:110:111+PA1234567'\n",
        b"DOC+P+PA1234567'\nLOC+91+AUS'\nDOC+P+PB1234567'\nLOC+91+AUS'\n",
        b"DOC+P+PA-12'\nLOC+91+AUS'\n",
        b"DOC+I+PA1234567'\nLOC+91+AUS'\n",
        b"DOC+P+PA1234567'\nLOC+91+AU'\n",
    ],
)
def test_no_passport_is_guessed(papers: bytes) -> None:
    """None, several, one without an issuer or with another number: nothing is asked."""
    old = b"DOC+P:110:111+PA1234567'\nDTM+36:340630'\nLOC+91+AUS'\n"
    changed = PAXLST.replace(old, papers)
    count = 41 - 3 + papers.count(b"'")
    changed = changed.replace(b"UNT+41", f"UNT+{count}".encode())
    assert read_paxlst(changed)[1][0].travellers[0].passport() is None


@pytest.mark.parametrize(
    ("old", "new", "fault", "tag", "position"),
    [
        (b"DTM+36:340630", b"DTM+36:341330", EdifactFault.VALUE, "DTM", 26),
        (b"DTM+36:340630", b"DTM+36:20340630", EdifactFault.VALUE, "DTM", 26),
        (b"DTM+36:340630", b"DTM+36:34O630", EdifactFault.VALUE, "DTM", 26),
        (b"DTM+36:340630", b"DTM+36", EdifactFault.MISSING, "DTM", 26),
        (b":3001181415:201", b":3001182515:201", EdifactFault.VALUE, "DTM", 12),
        (b"GEI+4+173", b"XYZ+4+173", EdifactFault.SEGMENT, "XYZ", 16),
        (b"GEI+4+173", b"BGM+745", EdifactFault.SEGMENT, "BGM", 16),
        (b"GEI+4+173", b"TDT+20+EX1", EdifactFault.SEGMENT, "TDT", 16),
        (b"RFF+TN:EX7003001180900:::1", b"BGM+745", EdifactFault.SEGMENT, "BGM", 5),
        (b"BGM+745", b"RFF+TN:1", EdifactFault.MISSING, "UNH", 3),
        (b"TDT+20+EX700+++EX", b"RFF+AF:EX700", EdifactFault.SEGMENT, "ATT", 14),
    ],
)
def test_what_a_passenger_list_has_not_is_named(
    old: bytes, new: bytes, fault: EdifactFault, tag: str, position: int
) -> None:
    """A segment that is not known is no reason to guess: it is named, with place."""
    assert PAXLST.count(old) == 1
    with pytest.raises(EdifactError) as caught:
        read_paxlst(PAXLST.replace(old, new))
    found = caught.value
    assert (found.fault, found.tag, found.position) == (fault, tag, position)


def test_more_travellers_than_are_read_at_once() -> None:
    """The bound is on the whole interchange, however many messages it has."""
    people = [a_traveller()] * 2_501
    bare = [Traveller(each.segments[:1]) for each in people]
    data = write_paxlst(ENVELOPE, [a_list(*bare), a_list(*bare)])
    with pytest.raises(EdifactError) as caught:
        read_paxlst(data)
    assert caught.value.fault is EdifactFault.TOO_LARGE
    assert len(read_paxlst(write_paxlst(ENVELOPE, [a_list(*bare)]))[1]) == 1


def test_a_response_tells_board_answers_from_the_rest() -> None:
    """The reader knows the codes of one public profile, and their kind of message."""
    _, (answer,) = read_cusres(CUSRES)
    assert (answer.kind, answer.transaction) == (
        ResponseKind.RESPONSE,
        "EX7003001180900",
    )
    assert answer.flight == "EX700"
    told = [(each.reference, each.codes) for each in answer.travellers]
    assert told == [("EX700-0001", ("0Z",)), ("EX700-0002", ("1Z",))]
    assert answer.travellers[0].booking == "QX7K2P"
    assert answer.travellers[0].remarks == (
        Remark(subject="AAP", code="", lines=("OK TO BOARD",)),
    )
    assert [BOARD_CODES[code] for _, (code,) in told] == ["board", "no_board"]
    assert read_cusres(CHANGE)[1][0].kind is ResponseKind.CHANGE
    assert read_cusres(ACKNOWLEDGED)[1][0].kind is ResponseKind.ACKNOWLEDGEMENT


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"BGM+962", b"BGM+961", EdifactFault.VALUE),
        (b"BGM+962", b"RFF+TN:1", EdifactFault.MISSING),
        (b"ERC+1Z", b"DOC+1Z", EdifactFault.SEGMENT),
        (b"RFF+AF:EX700", b"BGM+962", EdifactFault.SEGMENT),
        (b"RFF+AF:EX700", b"ERC+0Z", EdifactFault.SEGMENT),
    ],
)
def test_what_a_response_has_not_is_named(
    old: bytes, new: bytes, fault: EdifactFault
) -> None:
    """As for a list."""
    with pytest.raises(EdifactError) as caught:
        read_cusres(CUSRES.replace(old, new))
    assert caught.value.fault is fault


@pytest.mark.parametrize(
    ("kind", "answer"), [*product(ResponseKind, BasisAnswer)], ids=str
)
def test_our_answer_is_a_remark(kind: ResponseKind, answer: BasisAnswer) -> None:
    """Beside a government's codes stands information of ours, and nothing else."""
    (asked,) = read_paxlst(PAXLST)[1]
    basis = EntryBasis(
        answer=answer,
        destination="SGP",
        arrival=BASIS.arrival,
        answered_at=BASIS.answered_at,
        data_as_of=None,
    )
    said = TravellerResponse.of(
        reference="EX700-0001", booking="QX7K2P", remark=remark_of(basis, "K7QF-2M9T")
    )
    response = CustomsResponse.to(asked, kind=kind, travellers=[said])
    data = write_cusres(ENVELOPE, [response])
    _, (read,) = read_cusres(data)
    assert (read.kind, read.transaction, read.flight) == (
        kind,
        "EX7003001180900",
        "EX700",
    )
    assert read.header.access == "EX700/300118/0900"
    (traveller,) = read.travellers
    assert (traveller.reference, traveller.codes) == ("EX700-0001", ())
    (remark,) = traveller.remarks
    assert (remark.subject, remark.lines[2]) == (
        "AAI",
        "INFORMATION ONLY, NO BOARD ANSWER",
    )
    assert "SGP ON 2030-01-18" in remark.lines[0]
    assert "2030-01-15 12:00 UTC, REFERENCE K7QF-2M9T" in remark.lines[1]
    assert not is_board_code(remark.code)
    assert b"ERC" not in data


@pytest.mark.parametrize("code", [*BOARD_CODES, "0", "X1", "0z"])
def test_we_never_write_a_board_answer(code: str) -> None:
    """Whoever is carried is the destination's to say: no code leaves through us."""
    (asked,) = read_paxlst(PAXLST)[1]
    said = TravellerResponse((Segment.of("ERP", "2"), Segment.of("ERC", code.upper())))
    response = CustomsResponse.to(asked, kind=ResponseKind.RESPONSE, travellers=[said])
    with pytest.raises(EdifactError) as caught:
        write_cusres(ENVELOPE, [response])
    assert caught.value.fault is EdifactFault.BOARD_ANSWER


@pytest.mark.parametrize("code", [*BOARD_CODES, "8Z", "0z", " 1Z "])
def test_no_board_answer_hides_in_a_remark(code: str) -> None:
    """Neither as its code nor as a line of its text."""
    (asked,) = read_paxlst(PAXLST)[1]
    for remark in (
        Remark(subject="AAI", code=code, lines=("SEE CODE",)),
        Remark(subject="AAI", code="ABTC", lines=("SEE", code)),
    ):
        said = TravellerResponse.of(reference="1", remark=remark)
        response = CustomsResponse.to(
            asked, kind=ResponseKind.CHANGE, travellers=[said]
        )
        with pytest.raises(EdifactError) as caught:
            write_cusres(ENVELOPE, [response])
        assert caught.value.fault is EdifactFault.BOARD_ANSWER


def test_a_government_s_response_does_not_leave_through_us() -> None:
    """Reading one and writing it again would be issuing it."""
    envelope, read = read_cusres(CUSRES)
    with pytest.raises(EdifactError) as caught:
        write_cusres(envelope, read)
    assert (caught.value.fault, caught.value.position) == (
        EdifactFault.BOARD_ANSWER,
        14,
    )
