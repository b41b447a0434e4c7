"""Answer other economies about passports of ours: sealed questions, sealed answers.

What comes in was carried by somebody, perhaps by a broker.  It is opened, has to be
signed by an economy that the trust data names, for us, within these minutes; and what
goes back is signed, about that very question, and sealed for whoever asked: a word for
each passport, in the question's order.  There are two lengths, for few passports and
for many.  Nothing of the question stays but counts, and hits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import verifier
from issuer.errors import Conflict, Invalid, NotFound, TooMany
from issuer.installation import PassportRegister
from issuer.office import Office
from issuer.pace import NO_WAIT, Pace
from issuer.passport_register.hits import keep_hits
from issuer.passport_register.register import Standing, own_codes, standings
from issuer.services.identity import ServiceIdentity
from issuer.services.trust import trust_of
from issuer.store import PassportHit, PassportSide, RegisterState
from verifier import PassportQuestion, PassportStatus, ServiceMessage

ABOUT_QUESTION: Final = "abtc passport question 1"
MAX_QUESTION: Final = 112 * 2**10
"""Characters of a sealed question."""
_FEW: Final = 10
"""Passports: so many and fewer look like one."""
_SHORT: Final = 4 * 2**10
"""Bytes, of a question about few passports, and of its answer."""
_LONG_QUESTION: Final = 80 * 2**10
_LONG_ANSWER: Final = 32 * 2**10


def about_answer(question: str) -> str:
    """Return what the answer to a question is sealed for."""
    return f"abtc passport answer 1 {verifier.passport_question_digest(question)}"


def padded_question(text: str, count: int) -> bytes:
    """Return a question with spaces behind it: of one length for up to 10 passports,
    and of another for up to 500."""
    return _padded(text, _SHORT if count <= _FEW else _LONG_QUESTION)


def padded_answer(text: str, count: int) -> bytes:
    """Return an answer with spaces behind it, up to a length that its question has
    told already."""
    return _padded(text, _SHORT if count <= _FEW else _LONG_ANSWER)


def _padded(text: str, length: int) -> bytes:
    data = text.encode("ascii")
    return data.ljust(-(-len(data) // length) * length)


@dataclass(slots=True)
class PassportService:
    """Answers for every economy of an office that has joined.  One for a process."""

    office: Office
    _pace: Pace = field(default_factory=Pace, repr=False)

    def delegation(self, economy: str, *, now: datetime) -> str:
        """Return which keys to seal questions for, as the economy's status key says.

        Raises:
            NotFound: The economy has not joined, or is not hosted here.
            ServiceKeyMissing: Its service keys were not renewed in time.
        """
        self._settings(economy)
        return ServiceIdentity.of(self.office, economy, now).delegation

    def answer(self, economy: str, sealed: str, *, now: datetime) -> str:
        """Answer a sealed question.

        The same question again gets an answer again: whoever repeats what another has
        sent cannot open it.

        Args:
            economy: The owner, by the address that it was sent to.
            sealed: As `issuer.passport_register.asking` makes it.
            now: The moment; timezone-aware.

        Returns:
            The answer, sealed for whoever asked.

        Raises:
            NotFound: The economy has not joined, or is not hosted here.
            Invalid: It is not sealed for us, or not a question.
            Conflict: ``passports.not_believed``: no economy has signed it for us, just
                now; ``passports.too_many``: this economy has asked about too many.
            ServiceKeyMissing, NoTrust, StoreDown: We cannot answer at present.
        """
        settings = self._settings(economy)
        identity = ServiceIdentity.of(self.office, economy, now)
        text = _opened(identity, sealed)
        trust = trust_of(self.office.installation)
        message, questions = _read(text, identity.issuer_url, trust, now)
        self._check_rate(economy, message.economy, len(questions), settings, now)
        if not _may_ask(message, identity, trust):
            found = [Standing(PassportStatus.NO_ANSWER)] * len(questions)
        else:
            found = self._look_up(economy, questions, settings, now)
        self._note(economy, message.economy, text, found, now)
        claims: dict[str, object] = {
            "question": verifier.passport_question_digest(text),
            "answers": [each.status for each in found],
        }
        if any(each.status.is_hit for each in found):
            claims["contact"] = settings.contact
        signed = identity.sign(
            verifier.PassportMessage.ANSWER, message.keys.issuer_url, claims, now
        )
        content = padded_answer(signed, len(questions))
        return message.keys.seal(content, about=about_answer(text))

    def _settings(self, economy: str) -> PassportRegister:
        found = self.office.installation.passports.get(economy)
        if found is None:
            raise NotFound(f"{economy} answers no questions about passports here")
        return found

    def _look_up(
        self,
        economy: str,
        questions: Sequence[PassportQuestion],
        settings: PassportRegister,
        now: datetime,
    ) -> list[Standing]:
        # An economy may only be asked about passports that it issued.
        codes = own_codes(economy, settings)
        own = [each for each in questions if each.country in codes]
        found = iter(
            self.office.store.read(
                lambda session: standings(
                    session, economy, own, is_complete=settings.complete, now=now
                )
            )
        )
        return [
            next(found) if each.country in codes else Standing(PassportStatus.NO_ANSWER)
            for each in questions
        ]

    def _check_rate(
        self,
        economy: str,
        asker: str,
        count: int,
        settings: PassportRegister,
        now: datetime,
    ) -> None:
        name, most = f"{economy}/{asker}", settings.per_asker
        wait = self._pace.wait(name, most, count=count, now=now)
        if wait > NO_WAIT:
            raise TooMany("passports.too_many", wait)

    def _note(
        self,
        economy: str,
        asker: str,
        text: str,
        found: Sequence[Standing],
        now: datetime,
    ) -> None:
        """Count what is answered; and keep hits, for people."""
        self.office.passport_counts.add(
            self.office.store,
            economy,
            PassportSide.OWNER,
            other=asker,
            statuses=[each.status for each in found],
            now=now,
        )
        hits = [
            PassportHit(
                economy=economy,
                side=PassportSide.OWNER,
                other=asker,
                reference=verifier.passport_reference(text, place),
                state=RegisterState(each.status.lower()),
                register_id=each.entry,
                found_at=now,
            )
            for place, each in enumerate(found)
            if each.status.is_hit
        ]
        keep_hits(self.office, hits)


def _opened(identity: ServiceIdentity, sealed: str) -> str:
    if len(sealed) > MAX_QUESTION:
        raise Invalid([("question", "too_long", "is too long for a question")])
    try:
        data = identity.open(sealed, about=ABOUT_QUESTION)
        return data.rstrip(b" ").decode("ascii")
    except Invalid as error:
        raise Invalid([("question", "sealed", "is not sealed for us")]) from error
    except ValueError as error:
        raise Invalid([("question", "form", "holds no question")]) from error


def _read(
    text: str, audience: str, trust: verifier.Trust, now: datetime
) -> tuple[ServiceMessage, tuple[PassportQuestion, ...]]:
    try:
        return verifier.read_passport_question(
            text, audience=audience, trust=trust, now=now
        )
    except verifier.ServiceMessageError as error:
        raise Conflict("passports.not_believed", str(error.code)) from error
    except ValueError as error:
        raise Invalid([("question", "form", "is no question")]) from error


def _may_ask(
    message: ServiceMessage, identity: ServiceIdentity, trust: verifier.Trust
) -> bool:
    """Keep tests among tests: who plays learns nothing of real people."""
    own = trust.issuer_at(identity.issuer_url)
    return own is not None and own.is_test == message.keys.is_test
