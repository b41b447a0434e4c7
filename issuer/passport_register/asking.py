"""Ask the economy that issued a passport, through a broker or itself.

The question is signed by our economy and sealed for the owner: a broker sees who is
asked, and neither the passport nor the answer.  It can hold an answer back, and nothing
else: what it would make up is signed by nobody.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import verifier
from issuer.errors import Invalid, IssuerError
from issuer.office import Office
from issuer.passport_register.carrying import Carrier, Deadline, UnreachableError
from issuer.passport_register.hits import keep_hit
from issuer.passport_register.service import (
    ABOUT_QUESTION,
    PassportService,
    about_answer,
    padded,
)
from issuer.services.identity import ServiceIdentity
from issuer.services.trust import trust_of
from issuer.store import PassportHit, PassportSide, RegisterState
from verifier import NoAnswer, PassportAnswer, PassportQuestion, ServiceKeys

_NOT_FOR_THESE_KEYS: Final = 400
"""What an owner answers that cannot open a question: it has other keys by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question and what came of it."""

    found: PassportAnswer
    question: str | None = None
    """As it was signed; None if nobody was asked."""
    answer: str | None = None
    """As its owner signed it; None if nothing came that could be opened."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks for the economies of an office.

    Args:
        office: Whose officers want to know; it keeps connections and keys of owners.
    """

    office: Office

    def ask(
        self,
        economy: str,
        question: PassportQuestion,
        *,
        asked_from: str,
        now: datetime,
        nonce: str | None = None,
    ) -> Asked:
        """Ask about one passport.

        Args:
            economy: Whose officer asks; hosted here.
            question: About which passport.
            asked_from: Device, client or account, for a hit.
            now: The moment; timezone-aware.
            nonce: Of a device that wants to know the question as its own.

        Returns:
            What came of it, within the seconds of the settings.  Whatever goes wrong
            on the way, or is not signed as it has to be, is NO_ANSWER.

        Raises:
            ServiceKeyMissing, KeyFileError: We cannot sign a question.
            NoTrust: We know nobody who could be asked.
        """
        identity = ServiceIdentity.of(self.office, economy, now)
        trust = trust_of(self.office.installation)
        settings = self.office.installation.passport_checks
        owner = settings.owners.get(question.country, question.country)
        place = self._place(owner, identity, now)
        url = {each.economy: each.url for each in trust.issuers}.get(owner)
        if place is None or url is None:
            return _nobody(owner)
        text = identity.sign(
            verifier.PassportMessage.QUESTION,
            url,
            verifier.passport_question_claims(question, nonce=nonce),
            now,
        )
        line = _Line(owner=owner, place=place, trust=trust, now=now)
        answer = self._exchange(identity, line, text)
        found = verifier.read_passport_answer(
            answer,
            question=text,
            owner=owner,
            asker_url=identity.issuer_url,
            trust=trust,
            now=now,
        )
        self._note(economy, found, asked_from, now)
        return Asked(found=found, question=text, answer=answer)

    def _place(
        self, owner: str, identity: ServiceIdentity, now: datetime
    ) -> "_Here | _There | None":
        """Return where an owner is asked; None if nobody knows."""
        installation = self.office.installation
        if owner in installation.passports:
            return _Here(PassportService(self.office), owner)
        broker, lines = installation.passport_checks.broker, self.office.passport_lines
        base = broker or installation.services.partners.get(owner)
        if base is None:
            return None
        shown = lines.shown.by(identity, now) if broker else None
        url = f"{base}/services/v1/{owner}/passport-checks"
        until = Deadline.after(installation.passport_checks.seconds)
        return _There(lines.carrier, url, until, shown)

    def _exchange(
        self, identity: ServiceIdentity, line: "_Line", text: str
    ) -> str | None:
        """Bring a question to its owner; return the opened answer, if there is one."""
        known = self.office.passport_lines.keys
        for _ in range(2):
            keys = known.get(line.owner, line.now) or self._fetch(line)
            if keys is None:
                return None
            sealed = keys.seal(padded(text), about=ABOUT_QUESTION)
            answer, is_other_key = line.place.bring(sealed, line.now)
            if answer is not None:
                return _opened(identity, answer, text)
            if not is_other_key:
                return None
            known.drop(line.owner)
        return None

    def _fetch(self, line: "_Line") -> ServiceKeys | None:
        delegation = line.place.delegation(line.now)
        if delegation is None:
            return None
        try:
            keys = verifier.read_service_keys(
                delegation, trust=line.trust, now=line.now
            )
        except verifier.ServiceMessageError:
            return None
        if keys.economy != line.owner or not keys.sealing:
            return None  # an economy that would read another's questions
        self.office.passport_lines.keys.put(keys, line.now)
        return keys

    def _note(
        self, economy: str, found: PassportAnswer, asked_from: str, now: datetime
    ) -> None:
        self.office.passport_counts.add(
            self.office.store,
            economy,
            PassportSide.ASKER,
            other=found.owner,
            status=found.status,
            now=now,
        )
        if found.status.is_hit:
            hit = PassportHit(
                economy=economy,
                side=PassportSide.ASKER,
                other=found.owner,
                reference=found.reference,
                state=RegisterState(found.status.lower()),
                asked_from=asked_from,
                contact=found.contact,
                found_at=now,
            )
            keep_hit(self.office, hit)


@dataclass(frozen=True, slots=True)
class _Here:
    """An owner that is hosted here: no network is needed, all else is the same."""

    service: PassportService
    owner: str

    def delegation(self, now: datetime) -> str | None:
        try:
            return self.service.delegation(self.owner, now=now)
        except IssuerError:
            return None

    def bring(self, sealed: str, now: datetime) -> tuple[str | None, bool]:
        try:
            return self.service.answer(self.owner, sealed, now=now), False
        except Invalid:
            return None, True
        except IssuerError:
            return None, False


@dataclass(frozen=True, slots=True)
class _There:
    """An owner elsewhere, or the broker before it."""

    carrier: Carrier
    url: str
    until: Deadline
    shown: str | None = None
    """To a broker, which wants to know who asks."""

    def delegation(self, now: datetime) -> str | None:
        del now
        try:
            brought = self.carrier.get(self.url, until=self.until)
        except UnreachableError:
            return None
        return brought.member("delegation")

    def bring(self, sealed: str, now: datetime) -> tuple[str | None, bool]:
        """Return the sealed answer; or whether it was sealed for keys of the past."""
        del now
        body = json.dumps({"question": sealed}).encode()
        try:
            said = {"Authorization": f"Bearer {self.shown}"} if self.shown else {}
            brought = self.carrier.post(self.url, body, until=self.until, headers=said)
        except UnreachableError:
            return None, False
        return brought.member("answer"), brought.status == _NOT_FOR_THESE_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What belongs to one question: who is asked, where, and by what we know them."""

    owner: str
    place: _Here | _There
    trust: verifier.Trust
    now: datetime


def _nobody(owner: str) -> Asked:
    return Asked(found=verifier.no_passport_answer(NoAnswer.NOT_JOINED, owner=owner))


def _opened(identity: ServiceIdentity, sealed: str, question: str) -> str | None:
    try:
        data = identity.open(sealed, about=about_answer(question))
        return data.rstrip(b" ").decode("ascii")
    except (Invalid, ValueError):
        return None
