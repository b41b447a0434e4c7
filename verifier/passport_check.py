"""Is a passport still good?  Only the economy that issued it knows; here it is asked.

A question is a message that the asking economy has signed, about one passport or up to
500.  The answer is a message that the owner has signed, about exactly that question:
one word for each passport, in the same order.  Whoever carries them in between can lose
them, and nothing else.

Silence is not VALID: whatever is missing, late, of somebody else or not signed as it
has to be is NO_ANSWER.

Source: docs/passport-check.md.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum, unique
from hashlib import sha256
from typing import ClassVar, Final, Self

from . import _b64, _json
from ._mrz import is_possible_birthdate
from .card import Card
from .errors import ServiceMessageError
from .passport import Passport
from .service_message import ServiceMessage, read_service_message
from .trust import Trust

_REFERENCE: Final = 16
"""Hexadecimal digits: nobody at either end mistakes one hit for another."""
_CODE = re.compile(r"[A-Z]{3}")
_NUMBER = re.compile(r"[A-Z0-9]{1,22}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,200}")


@unique
class PassportMessage(StrEnum):
    """The types of the two messages."""

    QUESTION = "abtc-passport-question+jwt"
    ANSWER = "abtc-passport-answer+jwt"


@unique
class PassportStatus(StrEnum):
    """The seven answers; the words are those of the wire."""

    VALID = "VALID"
    """Its owner has issued it and stands behind it, as far as was asked."""
    NOT_RECOGNISED = "NOT_RECOGNISED"
    """Its owner has issued no such passport."""
    LOST = "LOST"
    STOLEN = "STOLEN"
    INVALID = "INVALID"
    """Cancelled, recalled or over."""
    DATA_MISMATCH = "DATA_MISMATCH"
    """There is such a passport, or one whose number looks alike, with other data."""
    NO_ANSWER = "NO_ANSWER"
    """Nobody has said anything that counts.  It speaks neither for nor against."""

    @property
    def is_hit(self) -> bool:
        """Whether its owner has reported it: people at both ends follow it up."""
        return self in _HITS

    @property
    def is_problem(self) -> bool:
        """Whether its owner says anything but that it is good."""
        return self not in {PassportStatus.VALID, PassportStatus.NO_ANSWER}


_WORDS: Final = {each.value: each for each in PassportStatus}
_HITS: Final = frozenset(
    {PassportStatus.LOST, PassportStatus.STOLEN, PassportStatus.INVALID}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassportQuestion:
    """What is said of a passport to its owner: what its lines check, and no name.

    Raises:
        ValueError: A field has another form.
    """

    MOST: ClassVar[int] = 500
    """Passports in one message: a whole flight."""

    country: str
    """Code of who issued it, as in the passport: three letters."""
    number: str
    """1 to 22 of ``A-Z0-9``."""
    birthdate: str | None = None
    """``YYMMDD`` as printed, ``<<`` for what is unknown."""
    expires_on: date | None = None
    """Its last day."""

    def __post_init__(self) -> None:
        if not (_CODE.fullmatch(self.country) and _NUMBER.fullmatch(self.number)):
            raise ValueError("country or number is malformed")
        if self.birthdate is not None and not is_possible_birthdate(self.birthdate):
            raise ValueError("birthdate is not YYMMDD with << for unknown parts")
        if isinstance(self.expires_on, datetime):
            raise ValueError("expires_on is a moment, not a day")

    @classmethod
    def about(cls, passport: Passport) -> Self:
        """Ask about a passport as far as it was read."""
        return cls(
            country=passport.country,
            number=passport.number,
            birthdate=passport.birthdate,
            expires_on=passport.expires_on,
        )

    @classmethod
    def about_card(cls, card: Card, passport: Passport | None) -> Self:
        """Ask about the passport that a card is linked to.

        Args:
            card: Of an accepted decision.
            passport: What was read of the passport in hand, which that decision has
                compared with the card; None if nothing was.
        """
        if passport is not None and passport.birthdate is not None:
            return cls.about(passport)
        return cls(
            country=card.passport_country,
            number=card.passport_number,
            birthdate=card.birthdate[2:].replace("-", ""),
            expires_on=passport.expires_on if passport else None,
        )

    @classmethod
    def parse(cls, members: object) -> Self:
        """Read one of the member ``passports`` of a question.

        Raises:
            ValueError: It is none.
        """
        if not _json.is_object(members) or not set(members) <= _MEMBERS:
            raise ValueError("not the members of a passport")
        values = {name: members.get(name) for name in _MEMBERS}
        texts = {name: it for name, it in values.items() if isinstance(it, str)}
        if len(texts) != len(members) or not {"country", "number"} <= texts.keys():
            raise ValueError("a member is missing, or no text")
        ends = texts.get("expires_on")
        if ends is not None and not _DATE.fullmatch(ends):
            raise ValueError("expires_on is no date")
        return cls(
            country=texts["country"],
            number=texts["number"],
            birthdate=texts.get("birthdate"),
            expires_on=date.fromisoformat(ends) if ends else None,
        )

    def members(self) -> dict[str, str]:
        """Return it as one of the member ``passports`` of a question."""
        found = {"country": self.country, "number": self.number}
        if self.birthdate is not None:
            found["birthdate"] = self.birthdate
        if self.expires_on is not None:
            found["expires_on"] = self.expires_on.isoformat()
        return found


_MEMBERS: Final = frozenset({"country", "number", "birthdate", "expires_on"})


@unique
class NoAnswer(StrEnum):
    """Why there is no answer; for logs and figures, never for a traveller."""

    SAID = "said"
    """The owner says that it cannot tell: its register is not whole, for instance."""
    SILENCE = "silence"
    """Nothing came, or too late."""
    NOT_JOINED = "not_joined"
    """The economy is not asked: it has not joined, or nobody knows where it is."""
    UNVERIFIABLE = "unverifiable"
    """What came is not signed as it has to be: perhaps whoever carried it lies."""
    OTHER_QUESTION = "other_question"
    """It is an answer to another question, or by another economy than was asked."""
    INCOMPLETE = "incomplete"
    """It does not have one word for each passport: nobody can tell whose is whose."""
    UNKNOWN_WORD = "unknown_word"
    """It is none of the answers that this software knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassportAnswer:
    """What is known of a passport after asking."""

    status: PassportStatus
    owner: str
    """The economy that was asked."""
    reference: str
    """The same at both ends; 16 hexadecimal digits, empty if nobody was asked."""
    answered_at: datetime | None = None
    """By the owner's clock; None with ``NO_ANSWER``."""
    contact: str | None = None
    """Whom the owner has there day and night; with a hit only."""
    no_answer: NoAnswer | None = None
    """Why; with ``NO_ANSWER`` only."""


def passport_question_claims(
    questions: Sequence[PassportQuestion], *, nonce: str | None = None
) -> dict[str, object]:
    """Return what a question says, beside what every message does.

    Args:
        questions: About which passports; 1 to 500, all for one owner.
        nonce: Chosen by the device that asks its own economy to ask, so that it knows
            the question as its own; it is the message's ``jti``.

    Raises:
        ValueError: There are none, or too many.
    """
    if not 1 <= len(questions) <= PassportQuestion.MOST:
        raise ValueError(f"not about 1 to {PassportQuestion.MOST} passports")
    claims: dict[str, object] = {"passports": [each.members() for each in questions]}
    return claims if nonce is None else {"jti": nonce, **claims}


def parse_passport_questions(members: object) -> tuple[PassportQuestion, ...]:
    """Read the member ``passports`` of a question, or of what a device asks.

    Raises:
        ValueError: It is no list of 1 to 500 passports.
    """
    if not isinstance(members, list) or not 1 <= len(members) <= PassportQuestion.MOST:
        raise ValueError(f"not a list of 1 to {PassportQuestion.MOST} passports")
    return tuple(PassportQuestion.parse(each) for each in members)


def read_passport_question(
    text: str, *, audience: str, trust: Trust, now: datetime
) -> tuple[ServiceMessage, tuple[PassportQuestion, ...]]:
    """Read a question that another economy has signed.

    Args:
        text: Compact JWS.
        audience: Issuer URL of whom it is for.
        trust: What this side believes.
        now: The moment; timezone-aware.

    Returns:
        The message, and about which passports it is; 1 to 500, in its order.

    Raises:
        ServiceMessageError: Another economy has not signed this, for us, just now.
        ValueError: It has, and it is no question.

    Not checked: that the passports are of whom it asks.
    """
    message = read_service_message(
        text, typ=PassportMessage.QUESTION, audience=audience, trust=trust, now=now
    )
    return message, parse_passport_questions(message.claims.get("passports"))


def passport_question_digest(question: str) -> str:
    """Return what binds an answer to the text of a question: SHA-256, base64url."""
    return _b64.encode(sha256(question.encode()).digest())


def passport_reference(question: str, place: int = 0) -> str:
    """Return under which reference both ends keep a hit.

    Args:
        question: Text of the question.
        place: Of the passport in it, from 0.
    """
    return sha256(f"{question}.{place}".encode()).hexdigest()[:_REFERENCE]


def no_passport_answer(
    why: NoAnswer, *, owner: str, question: str = "", place: int = 0
) -> PassportAnswer:
    """Say that there is no answer.

    Args:
        why: For logs.
        owner: Who was, or would have been, asked.
        question: Text of the question; empty if there was none.
        place: Of the passport in it, from 0.
    """
    return PassportAnswer(
        status=PassportStatus.NO_ANSWER,
        owner=owner,
        reference=passport_reference(question, place) if question else "",
        no_answer=why,
    )


def read_passport_answer(
    text: str | None,
    *,
    question: str,
    count: int,
    owner: str,
    asker_url: str,
    trust: Trust,
    now: datetime,
) -> tuple[PassportAnswer, ...]:
    """Read what came back, for exactly this question.

    Args:
        text: Compact JWS of the owner; None if nothing came.
        question: Text of the question as it was signed.
        count: How many passports it is about.
        owner: The economy that was asked; alpha-3.
        asker_url: Issuer URL of the economy that asked.
        trust: What this side believes.
        now: The moment; timezone-aware.

    Returns:
        As many answers as passports, in the question's order.  All are NO_ANSWER where
        ``text`` is anything but the owner's own, signed for this asker, about this
        question, within five minutes, with one word for each passport; and where one of
        both is marked for tests and the other is not.  One is NO_ANSWER where its word
        is none of the seven.  Nothing is raised for what others send.

    Raises:
        ValueError: ``now`` is naive.

    Source: docs/passport-check.md.
    """
    try:
        message, words = _read_words(
            text,
            about=passport_question_digest(question),
            count=count,
            owner=owner,
            asker_url=asker_url,
            trust=trust,
            now=now,
        )
    except _NothingError as nothing:
        return tuple(
            no_passport_answer(nothing.why, owner=owner, question=question, place=each)
            for each in range(count)
        )
    contact = _contact(message.claims)

    def answer(place: int, word: object) -> PassportAnswer:
        status = _status(word)
        if status is None or status is PassportStatus.NO_ANSWER:
            why = NoAnswer.UNKNOWN_WORD if status is None else NoAnswer.SAID
            return no_passport_answer(why, owner=owner, question=question, place=place)
        return PassportAnswer(
            status=status,
            owner=owner,
            reference=passport_reference(question, place),
            answered_at=message.issued_at,
            contact=contact if status.is_hit else None,
        )

    return tuple(answer(*each) for each in enumerate(words))


def read_relayed_passport_answers(
    exchanges: Sequence[tuple[str, str | None]],
    *,
    asked: Sequence[PassportQuestion],
    nonce: str,
    asker: str,
    trust: Trust,
    now: datetime,
) -> tuple[PassportAnswer, ...]:
    """Read what one's own economy has asked and been answered, on a device.

    The device trusts its back office no further than anybody: it looks at the questions
    that were signed, and at the answers to those very texts.

    Args:
        exchanges: Each signed question, as the back office says to have sent it, and
            what came back; None if nothing did.
        asked: What this device wanted to know.
        nonce: What it chose.
        asker: Its economy; alpha-3.
        trust: What this device believes.
        now: The moment; timezone-aware.

    Returns:
        As many answers as ``asked``, in its order; NO_ANSWER for whatever is not about
        it, now, and for a passport that is asked about twice: two owners cannot have
        issued it.

    Raises:
        ValueError: ``now`` is naive.

    Not checked: which economy ought to be asked about such a passport; it is the one
    that signed the answer, and that the question was for.
    """
    ours, found = set(asked), dict[PassportQuestion, PassportAnswer]()
    named: Counter[PassportQuestion] = Counter()
    for question, answer in exchanges:
        try:
            message, owner, passports = _asked_for_us(
                question, asker=asker, nonce=nonce, trust=trust, now=now
            )
        except ValueError:
            continue
        if not ours.issuperset(passports):
            continue
        answers = read_passport_answer(
            answer,
            question=question,
            count=len(passports),
            owner=owner,
            asker_url=message.keys.issuer_url,
            trust=trust,
            now=now,
        )
        found.update(zip(passports, answers, strict=True))
        named.update(passports)
    unasked = no_passport_answer(NoAnswer.NOT_JOINED, owner="")
    other = no_passport_answer(NoAnswer.OTHER_QUESTION, owner="")
    return tuple(
        found.get(each, unasked) if named[each] <= 1 else other for each in asked
    )


def _asked_for_us(
    text: str, *, asker: str, nonce: str, trust: Trust, now: datetime
) -> tuple[ServiceMessage, str, tuple[PassportQuestion, ...]]:
    """Return a question that one's own economy has signed, whom it is for, and about
    which passports; raise ValueError if it is another."""
    owners = {each.url: each.economy for each in trust.issuers}
    try:
        message = read_service_message(
            text,
            typ=PassportMessage.QUESTION,
            audience=owners.keys(),
            trust=trust,
            now=now,
        )
    except ServiceMessageError as error:
        raise ValueError("no question of an economy") from error
    if message.economy != asker or message.message_id != nonce:
        raise ValueError("asked by another, or for another")
    passports = parse_passport_questions(message.claims.get("passports"))
    return message, owners[message.audience], passports


class _NothingError(Exception):
    """What came is no answer to any of the passports."""

    def __init__(self, why: NoAnswer) -> None:
        super().__init__(why)
        self.why = why


def _read_words(
    text: str | None,
    *,
    about: str,
    count: int,
    owner: str,
    asker_url: str,
    trust: Trust,
    now: datetime,
) -> tuple[ServiceMessage, list[object]]:
    """Return the answer's words, as many as passports were asked about."""
    if text is None:
        raise _NothingError(NoAnswer.SILENCE)
    try:
        message = read_service_message(
            text, typ=PassportMessage.ANSWER, audience=asker_url, trust=trust, now=now
        )
    except ServiceMessageError as error:
        raise _NothingError(NoAnswer.UNVERIFIABLE) from error
    own = trust.issuer_at(asker_url)
    if own is None or own.is_test != message.keys.is_test:
        raise _NothingError(NoAnswer.UNVERIFIABLE)
    if message.economy != owner or message.claims.get("question") != about:
        raise _NothingError(NoAnswer.OTHER_QUESTION)
    words = message.claims.get("answers")
    if not isinstance(words, list) or len(words) != count:
        raise _NothingError(NoAnswer.INCOMPLETE)
    return message, words


def _status(word: object) -> PassportStatus | None:
    return _WORDS.get(word) if isinstance(word, str) else None


def _contact(claims: Mapping[str, object]) -> str | None:
    """Return who is there day and night: one line, since people read it on a screen."""
    found = claims.get("contact")
    is_line = isinstance(found, str) and _LINE.fullmatch(found)
    return found if is_line and isinstance(found, str) else None
