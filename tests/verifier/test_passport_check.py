"""Reading a question and its answer: what counts, and what is NO_ANSWER."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest

import verifier
from issuer.services.identity import ServiceIdentity, renew
from tests.databases import Prepared
from tests.issuer.back_office import BackOffice, office_at
from tests.issuer.services.neighbours import trust_in
from tests.simulator import NOW
from verifier import (
    BasisAnswer,
    EntryBasis,
    NoAnswer,
    Passport,
    PassportAnswer,
    PassportMessage,
    PassportQuestion,
    PassportStatus,
)

QUESTION = PassportQuestion(
    country="AUS", number="PA1234567", birthdate="840812", expires_on=date(2035, 4, 15)
)
NONCE = "A" * 22
ASKER, OWNER, OTHER = "NZL", "AUS", "JPN"


class Scene:
    """NZL asks AUS; a device of NZL looks at what its back office brings."""

    def __init__(self, back_office: BackOffice) -> None:
        self.trust = trust_in(back_office)
        self.identities: dict[str, ServiceIdentity] = {
            code: renew(back_office.office, code, NOW) for code in (ASKER, OWNER, OTHER)
        }

    def url(self, code: str) -> str:
        return self.identities[code].issuer_url

    def question(
        self,
        by: str = ASKER,
        to: str = OWNER,
        *,
        asked: Sequence[PassportQuestion] = (QUESTION,),
        nonce: str = NONCE,
        at: datetime = NOW,
    ) -> str:
        claims = verifier.passport_question_claims(asked, nonce=nonce)
        return self.identities[by].sign(
            PassportMessage.QUESTION, self.url(to), claims, at
        )

    def answer(
        self,
        about: str,
        *,
        by: str = OWNER,
        to: str = ASKER,
        typ: str = PassportMessage.ANSWER,
        at: datetime = NOW,
        **claims: Any,
    ) -> str:
        said = {
            "question": verifier.passport_question_digest(about),
            "answers": ["VALID"],
        }
        return self.identities[by].sign(typ, self.url(to), said | claims, at)

    def read(
        self, question: str | None, answer: str | None, *, at: datetime = NOW
    ) -> PassportAnswer:
        exchanges = [] if question is None else [(question, answer)]
        (found,) = self.read_all(*exchanges, at=at)
        return found

    def read_all(
        self,
        *exchanges: tuple[str, str | None],
        asked: Sequence[PassportQuestion] = (QUESTION,),
        at: datetime = NOW,
    ) -> tuple[PassportAnswer, ...]:
        return verifier.read_relayed_passport_answers(
            exchanges,
            asked=asked,
            nonce=NONCE,
            asker=ASKER,
            trust=self.trust,
            now=at,
        )

    def read_words(
        self, words: object, *asked: PassportQuestion, **claims: Any
    ) -> list[tuple[PassportStatus, NoAnswer | None]]:
        """What a device makes of words that the owner has signed."""
        question = self.question(asked=asked)
        answer = self.answer(question, answers=words, **claims)
        found = self.read_all((question, answer), asked=asked)
        return [(each.status, each.no_answer) for each in found]


@pytest.fixture
def scene(prepared_small: Prepared) -> Scene:
    return Scene(office_at(prepared_small))


def test_a_device_believes_the_owner_and_nobody_between(scene: Scene) -> None:
    """The question that its economy signed, and the answer to that very text."""
    question = scene.question()
    found = scene.read(question, scene.answer(question))
    assert (found.status, found.owner) == (PassportStatus.VALID, OWNER)
    assert found.reference == verifier.passport_reference(question)
    hit = scene.answer(question, answers=["STOLEN"], contact="+61 2")
    assert scene.read(question, hit).contact == "+61 2"


def test_n14_a_back_office_that_lies_is_noticed(scene: Scene) -> None:
    """Other passport, other question, other asker, other owner: never VALID."""
    question = scene.question()
    another = PassportQuestion(country="AUS", number="PA7654321")
    lies = {
        "nothing": (None, scene.answer(question)),
        "silence": (question, None),
        "other passport": (scene.question(asked=[another]),) * 2,
        "one more passport": (scene.question(asked=[QUESTION, another]),) * 2,
        "other nonce": (scene.question(nonce="B" * 22),) * 2,
        "other asker": (scene.question(by=OTHER),) * 2,
        "unsigned": ("rubbish", scene.answer(question)),
        "answer as question": (scene.answer(question), scene.answer(question)),
    }
    for name, (asked, answered) in lies.items():
        if asked is not None and asked == answered:
            words = ["VALID"] * (2 if "more" in name else 1)
            answered = scene.answer(asked, answers=words)  # noqa: PLW2901  # right for it
        found = scene.read(asked, answered)
        assert found.status is PassportStatus.NO_ANSWER, name


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"by": OTHER}, NoAnswer.OTHER_QUESTION),
        ({"question": "x"}, NoAnswer.OTHER_QUESTION),
        ({"question": None}, NoAnswer.OTHER_QUESTION),
        ({"to": OTHER}, NoAnswer.UNVERIFIABLE),
        ({"typ": "abtc-client+jwt"}, NoAnswer.UNVERIFIABLE),
        ({"at": NOW - timedelta(minutes=6)}, NoAnswer.UNVERIFIABLE),
        ({"at": NOW + timedelta(minutes=3)}, NoAnswer.UNVERIFIABLE),
        ({"answers": ["OK"]}, NoAnswer.UNKNOWN_WORD),
        ({"answers": ["valid"]}, NoAnswer.UNKNOWN_WORD),
        ({"answers": [None]}, NoAnswer.UNKNOWN_WORD),
        ({"answers": [["VALID"]]}, NoAnswer.UNKNOWN_WORD),
        ({"answers": ["NO_ANSWER"]}, NoAnswer.SAID),
        ({"answers": []}, NoAnswer.INCOMPLETE),
        ({"answers": ["VALID", "VALID"]}, NoAnswer.INCOMPLETE),
        ({"answers": "VALID"}, NoAnswer.INCOMPLETE),
        ({"answers": {"0": "VALID"}}, NoAnswer.INCOMPLETE),
        ({"answers": None}, NoAnswer.INCOMPLETE),
    ],
)
def test_n14_what_is_not_exactly_the_owners_word_is_no_answer(
    scene: Scene, changed: dict[str, Any], why: NoAnswer
) -> None:
    """One thing differs, and nothing counts."""
    question = scene.question()
    found = scene.read(question, scene.answer(question, **changed))
    assert (found.status, found.no_answer) == (PassportStatus.NO_ANSWER, why)
    assert found.contact is None


@pytest.mark.parametrize("end", range(1, 60, 7))
def test_n14_changed_bytes_are_no_answer(scene: Scene, end: int) -> None:
    question = scene.question()
    answer = scene.answer(question)
    place = len(answer) - end
    changed = "B" if answer[place] != "B" else "C"
    damaged = f"{answer[:place]}{changed}{answer[place + 1 :]}"
    assert scene.read(question, damaged).status is PassportStatus.NO_ANSWER


def test_a_contact_is_one_line(scene: Scene) -> None:
    """It is put on a screen: no control characters, no book."""
    question = scene.question()
    for contact in ("a\nb", "\x1b[31m", "", "x" * 201, 7, "\u2028"):
        answer = scene.answer(question, answers=["LOST"], contact=contact)
        found = scene.read(question, answer)
        assert (found.status, found.contact) == (PassportStatus.LOST, None)


SECOND = PassportQuestion(country="AUS", number="PA7654321")
THIRD = PassportQuestion(country="AUS", number="PA7654322")


def test_answers_belong_to_passports_by_their_place(scene: Scene) -> None:
    """Each has its own word and its own reference; who is there goes with hits only."""
    asked = (QUESTION, SECOND, THIRD)
    question = scene.question(asked=asked)
    words = ["VALID", "STOLEN", "NOT_RECOGNISED"]
    answer = scene.answer(question, answers=words, contact="+61 2")
    found = scene.read_all((question, answer), asked=(THIRD, QUESTION, SECOND))
    assert [each.status for each in found] == ["NOT_RECOGNISED", "VALID", "STOLEN"]
    assert [each.contact for each in found] == [None, None, "+61 2"]
    assert [each.reference for each in found] == [
        verifier.passport_reference(question, place) for place in (2, 0, 1)
    ]
    assert len({each.reference for each in found}) == 3


def test_n14_a_word_that_is_none_spoils_no_other_and_a_missing_one_all(
    scene: Scene,
) -> None:
    """Where one is missing, nobody can tell whose the others are."""
    asked = (QUESTION, SECOND, THIRD)
    good, none = (PassportStatus.VALID, None), PassportStatus.NO_ANSWER
    for word in ("OK", None, 1, {"status": "VALID"}):
        found = scene.read_words(["VALID", word, "VALID"], *asked)
        assert found == [good, (none, NoAnswer.UNKNOWN_WORD), good]
    for words in (["VALID"] * 2, ["VALID"] * 4, []):
        found = scene.read_words(words, *asked)
        assert found == [(none, NoAnswer.INCOMPLETE)] * 3


def test_n14_a_passport_that_two_owners_answer_for_is_not_answered(
    scene: Scene,
) -> None:
    """A back office with an accomplice gets no VALID in beside the owner's STOLEN."""
    first, second = scene.question(), scene.question(to=OTHER)
    stolen = first, scene.answer(first, answers=["STOLEN"])
    valid = second, scene.answer(second, by=OTHER)
    for exchanges in ((stolen, valid), (valid, stolen)):
        (found,) = scene.read_all(*exchanges)
        assert found.no_answer is NoAnswer.OTHER_QUESTION
    twice = scene.question(asked=[QUESTION, QUESTION])
    (found,) = scene.read_all((twice, scene.answer(twice, answers=["LOST", "VALID"])))
    assert found.status is PassportStatus.NO_ANSWER


def test_a_question_is_about_some_passports_and_no_more_than_a_flight() -> None:
    """Whoever wants to ask about more asks again, and it counts."""
    claims = verifier.passport_question_claims([QUESTION] * PassportQuestion.MOST)
    passports = claims["passports"]
    assert verifier.parse_passport_questions(passports) == (QUESTION,) * 500
    for count in (0, 501):
        with pytest.raises(ValueError, match="500"):
            verifier.passport_question_claims([QUESTION] * count)
        with pytest.raises(ValueError, match="500"):
            verifier.parse_passport_questions([QUESTION.members()] * count)
    with pytest.raises(ValueError, match="members"):
        verifier.parse_passport_questions([QUESTION.members(), 7])


@pytest.mark.parametrize(
    "members",
    [
        None,
        [],
        {"country": "AUS"},
        {"number": "PA1"},
        {"country": "AU", "number": "PA1"},
        {"country": "AUS", "number": "PA 1"},
        {"country": "AUS", "number": ""},
        {"country": "AUS", "number": "P" * 23},
        {"country": "AUS", "number": 1},
        {"country": "AUS", "number": "PA1", "name": "X"},
        {"country": "AUS", "number": "PA1", "birthdate": "841312"},
        {"country": "AUS", "number": "PA1", "birthdate": None},
        {"country": "AUS", "number": "PA1", "expires_on": "2031-02-30"},
        {"country": "AUS", "number": "PA1", "expires_on": "20310215"},
    ],
)
def test_what_is_no_question(members: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        PassportQuestion.parse(members)


def test_a_question_says_what_was_read_and_no_name() -> None:
    passport = Passport(
        country="AUS",
        number="PA1234567",
        family_name="CITIZEN",
        given_name="JANE",
        birthdate="8408<<",
        expires_on=date(2035, 4, 15),
    )
    asked = PassportQuestion.about(passport)
    assert asked.members() == {
        "country": "AUS",
        "number": "PA1234567",
        "birthdate": "8408<<",
        "expires_on": "2035-04-15",
    }
    assert PassportQuestion.parse(asked.members()) == asked
    with pytest.raises(ValueError, match="moment"):
        PassportQuestion(country="AUS", number="PA1", expires_on=NOW)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("VALID", BasisAnswer.GIVES),
        ("NO_ANSWER", BasisAnswer.GIVES),
        ("LOST", BasisAnswer.DOES_NOT_GIVE),
        ("STOLEN", BasisAnswer.DOES_NOT_GIVE),
        ("INVALID", BasisAnswer.DOES_NOT_GIVE),
        ("NOT_RECOGNISED", BasisAnswer.NO_ANSWER),
        ("DATA_MISMATCH", BasisAnswer.NO_ANSWER),
    ],
)
def test_an_airline_is_told_less_and_never_why(
    status: str, expected: BasisAnswer
) -> None:
    """A reported passport gives nothing; what may be a mistake is no answer."""
    basis = EntryBasis(
        answer=BasisAnswer.GIVES,
        destination="JPN",
        arrival=NOW.date(),
        answered_at=NOW,
        data_as_of=NOW,
        passport_country="AUS",
        passport_number_end="567",
    )
    told = PassportAnswer(
        status=PassportStatus(status), owner="AUS", reference="0" * 16
    )
    after = verifier.after_passport_check(basis, told)
    assert after.answer is expected
    if expected is not BasisAnswer.GIVES:
        assert after.passport_number_end is None
        assert after.reason is None
    refused = EntryBasis(
        answer=BasisAnswer.DOES_NOT_GIVE,
        destination="JPN",
        arrival=NOW.date(),
        answered_at=NOW,
        data_as_of=NOW,
    )
    assert verifier.after_passport_check(refused, told) is refused
