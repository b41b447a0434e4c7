"""Answer other economies about passports of ours: sealed questions, sealed answers.

What comes in was carried by somebody, perhaps by a broker.  It is opened, has to be
signed by an economy that the trust data names, for us, within these minutes; and what
goes back is signed, about that very question, and sealed for whoever asked.  All
answers are of one length.  Nothing of the question stays but a count, and a hit.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import verifier
from issuer.errors import Conflict, Invalid, NotFound, TooMany
from issuer.installation import PassportRegister
from issuer.office import Office
from issuer.pace import NO_WAIT, Pace
from issuer.passport_register.hits import keep_hit
from issuer.passport_register.register import Standing, own_codes, standing
from issuer.services.identity import ServiceIdentity
from issuer.services.trust import trust_of
from issuer.store import PassportHit, PassportSide, RegisterState
from verifier import PassportQuestion, PassportStatus, ServiceMessage

ABOUT_QUESTION: Final = "abtc passport question 1"
MAX_QUESTION: Final = 16 * 2**10
"""Characters of a sealed question."""
_LENGTH: Final = 4096
"""Bytes, and multiples of it: how long an answer is says nothing of it."""


def about_answer(question: str) -> str:
    """Return what the answer to a question is sealed for."""
    return f"abtc passport answer 1 {verifier.passport_question_digest(question)}"


def padded(text: str) -> bytes:
    """Return a text, with spaces behind it up to a length that says nothing of it."""
    data = text.encode("ascii")
    return data.ljust(-(-len(data) // _LENGTH) * _LENGTH)


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
                now; ``passports.too_many``: this economy has asked too often.
            ServiceKeyMissing, NoTrust, StoreDown: We cannot answer at present.
        """
        settings = self._settings(economy)
        identity = ServiceIdentity.of(self.office, economy, now)
        text = _opened(identity, sealed)
        trust = trust_of(self.office.installation)
        message, question = _read(text, identity.issuer_url, trust, now)
        self._check_rate(economy, message.economy, settings, now)
        if not _may_ask(message, identity, trust):
            found = Standing(PassportStatus.NO_ANSWER)
        else:
            found = self._look_up(economy, question, settings, now)
        self._note(economy, message.economy, text, found, now)
        claims: dict[str, object] = {
            "question": verifier.passport_question_digest(text),
            "status": found.status,
        }
        if found.status.is_hit:
            claims["contact"] = settings.contact
        signed = identity.sign(
            verifier.PassportMessage.ANSWER, message.keys.issuer_url, claims, now
        )
        return message.keys.seal(padded(signed), about=about_answer(text))

    def _settings(self, economy: str) -> PassportRegister:
        found = self.office.installation.passports.get(economy)
        if found is None:
            raise NotFound(f"{economy} answers no questions about passports here")
        return found

    def _look_up(
        self,
        economy: str,
        question: PassportQuestion,
        settings: PassportRegister,
        now: datetime,
    ) -> Standing:
        # An economy may only be asked about passports that it issued.
        if question.country not in own_codes(economy, settings):
            return Standing(PassportStatus.NO_ANSWER)
        return self.office.store.read(
            lambda session: standing(
                session, economy, question, is_complete=settings.complete, now=now
            )
        )

    def _check_rate(
        self, economy: str, asker: str, settings: PassportRegister, now: datetime
    ) -> None:
        wait = self._pace.wait(f"{economy}/{asker}", settings.per_asker, now=now)
        if wait > NO_WAIT:
            raise TooMany("passports.too_many", wait)

    def _note(
        self, economy: str, asker: str, text: str, found: Standing, now: datetime
    ) -> None:
        """Count it; and keep a hit, for people."""
        self.office.passport_counts.add(
            self.office.store,
            economy,
            PassportSide.OWNER,
            other=asker,
            status=found.status,
            now=now,
        )
        if found.status.is_hit:
            hit = PassportHit(
                economy=economy,
                side=PassportSide.OWNER,
                other=asker,
                reference=verifier.passport_reference(text),
                state=RegisterState(found.status.lower()),
                register_id=found.entry,
                found_at=now,
            )
            keep_hit(self.office, hit)


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
) -> tuple[ServiceMessage, PassportQuestion]:
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
