"""Reading a question and its answer: what counts, and what is NO_ANSWER."""

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
        asked: PassportQuestion = QUESTION,
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
            "status": "VALID",
        }
        return self.identities[by].sign(typ, self.url(to), said | claims, at)

    def read(
        self, question: str | None, answer: str | None, *, at: datetime = NOW
    ) -> PassportAnswer:
        return verifier.read_relayed_passport_answer(
            question,
            answer,
            asked=QUESTION,
            nonce=NONCE,
            asker=ASKER,
            trust=self.trust,
            now=at,
        )


@pytest.fixture
def scene(prepared_small: Prepared) -> Scene:
    return Scene(office_at(prepared_small))


def test_a_device_believes_the_owner_and_nobody_between(scene: Scene) -> None:
    """The question that its economy signed, and the answer to that very text."""
    question = scene.question()
    found = scene.read(question, scene.answer(question))
    assert (found.status, found.owner) == (PassportStatus.VALID, OWNER)
    assert found.reference == verifier.passport_reference(question)
    hit = scene.answer(question, status="STOLEN", contact="+61 2")
    assert scene.read(question, hit).contact == "+61 2"


def test_n14_a_back_office_that_lies_is_noticed(scene: Scene) -> None:
    """Other passport, other question, other asker, other owner: never VALID."""
    question = scene.question()
    another = PassportQuestion(country="AUS", number="PA7654321")
    lies = {
        "nothing": (None, scene.answer(question)),
        "silence": (question, None),
        "other passport": (scene.question(asked=another),) * 2,
        "other nonce": (scene.question(nonce="B" * 22),) * 2,
        "other asker": (scene.question(by=OTHER),) * 2,
        "unsigned": ("rubbish", scene.answer(question)),
        "answer as question": (scene.answer(question), scene.answer(question)),
    }
    for name, (asked, answered) in lies.items():
        if asked is not None and asked == answered:
            answered = scene.answer(asked)  # noqa: PLW2901  # the right one for it
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
        ({"status": "OK"}, NoAnswer.UNKNOWN_WORD),
        ({"status": "valid"}, NoAnswer.UNKNOWN_WORD),
        ({"status": None}, NoAnswer.UNKNOWN_WORD),
        ({"status": ["VALID"]}, NoAnswer.UNKNOWN_WORD),
        ({"status": "NO_ANSWER"}, NoAnswer.SAID),
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
        answer = scene.answer(question, status="LOST", contact=contact)
        found = scene.read(question, answer)
        assert (found.status, found.contact) == (PassportStatus.LOST, None)


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
