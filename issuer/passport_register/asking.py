"""Ask the economies that issued passports, through a broker or themselves.

Each owner gets one question about all of its passports, signed by our economy and
sealed for the owner: a broker sees who is asked, and neither the passports nor the
answers.  It can hold an answer back, and nothing else: what it would make up is signed
by nobody.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import verifier
from issuer.errors import Invalid, IssuerError
from issuer.office import Office
from issuer.passport_register.carrying import Carrier, Deadline, UnreachableError
from issuer.passport_register.hits import keep_hits
from issuer.passport_register.service import (
    ABOUT_QUESTION,
    PassportService,
    about_answer,
    padded_question,
)
from issuer.services.identity import ServiceIdentity
from issuer.services.trust import trust_of
from issuer.store import PassportHit, PassportSide, RegisterState
from verifier import (
    NoAnswer,
    PassportAnswer,
    PassportQuestion,
    ServiceKeys,
)

_NOT_FOR_THESE_KEYS: Final = 400
"""What an owner answers that cannot open a question: it has other keys by now."""
_MOST: Final = PassportQuestion.MOST
_AT_ONCE: Final = 24
"""Questions on their way at a time: one for each economy that there is, so that one
which is silent makes no other late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A question to one owner, and what came back."""

    question: str
    """As it was signed."""
    answer: str | None
    """As its owner signed it; None if nothing came that could be opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of asking."""

    found: tuple[PassportAnswer, ...]
    """As many as passports, in their order."""
    exchanges: tuple[Exchange, ...]
    """One for each owner that was asked, and for each 500 of its passports."""


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
        passports: Sequence[PassportQuestion],
        *,
        asked_from: str,
        now: datetime,
        nonce: str | None = None,
    ) -> Asked:
        """Ask about passports: each owner about its own, and all owners at once.

        Args:
            economy: Whose officer asks; hosted here.
            passports: Whoever issued them.
            asked_from: Device, client or account, for a hit.
            now: The moment; timezone-aware.
            nonce: Of a device that wants to know the questions as its own.

        Returns:
            What came of it, within the seconds of the settings for each 500 passports
            of one owner.  Whatever goes wrong on the way, or is not signed as it has
            to be, is NO_ANSWER.

        Raises:
            ServiceKeyMissing, KeyFileError: We cannot sign a question.
            NoTrust: We know nobody who could be asked.
        """
        identity = ServiceIdentity.of(self.office, economy, now)
        trust = trust_of(self.office.installation)

        def bring(batch: "_Batch") -> "_Told":
            return self._bring(identity, batch, trust, nonce, now)

        batches = self._batches(passports)
        told = _together(bring, batches)
        self._note(economy, [each for each in told if each.exchange], asked_from, now)
        found = {
            place: answer
            for batch, each in zip(batches, told, strict=True)
            for place, answer in zip(batch.places, each.found, strict=True)
        }
        return Asked(
            found=tuple(found[place] for place in range(len(passports))),
            exchanges=tuple(each.exchange for each in told if each.exchange),
        )

    def _batches(self, passports: Sequence[PassportQuestion]) -> "list[_Batch]":
        owners = self.office.installation.passport_checks.owners
        by_owner: dict[str, list[int]] = {}
        for place, each in enumerate(passports):
            owner = owners.get(each.country, each.country)
            by_owner.setdefault(owner, []).append(place)
        batches = []
        for owner, places in by_owner.items():
            for start in range(0, len(places), _MOST):
                some = tuple(places[start : start + _MOST])
                about = tuple(passports[place] for place in some)
                batches.append(_Batch(owner=owner, passports=about, places=some))
        return batches

    def _bring(
        self,
        identity: ServiceIdentity,
        batch: "_Batch",
        trust: verifier.Trust,
        nonce: str | None,
        now: datetime,
    ) -> "_Told":
        """Ask one owner, where somebody knows it."""
        place = self._place(batch.owner, identity, now)
        url = {each.economy: each.url for each in trust.issuers}.get(batch.owner)
        if place is None or url is None:
            nobody = verifier.no_passport_answer(NoAnswer.NOT_JOINED, owner=batch.owner)
            return _Told(found=(nobody,) * len(batch.passports), exchange=None)
        text = identity.sign(
            verifier.PassportMessage.QUESTION,
            url,
            verifier.passport_question_claims(batch.passports, nonce=nonce),
            now,
        )
        line = _Line(
            owner=batch.owner,
            count=len(batch.passports),
            place=place,
            trust=trust,
            now=now,
        )
        answer = self._exchange(identity, line, text)
        found = verifier.read_passport_answer(
            answer,
            question=text,
            count=line.count,
            owner=line.owner,
            asker_url=identity.issuer_url,
            trust=trust,
            now=now,
        )
        return _Told(found=found, exchange=Exchange(question=text, answer=answer))

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
            content = padded_question(text, line.count)
            sealed = keys.seal(content, about=ABOUT_QUESTION)
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
        self, economy: str, told: "Sequence[_Told]", asked_from: str, now: datetime
    ) -> None:
        """Count what was answered; and keep hits, for people."""
        for each in told:
            self.office.passport_counts.add(
                self.office.store,
                economy,
                PassportSide.ASKER,
                other=each.found[0].owner,
                statuses=[answer.status for answer in each.found],
                now=now,
            )
        hits = [
            PassportHit(
                economy=economy,
                side=PassportSide.ASKER,
                other=answer.owner,
                reference=answer.reference,
                state=RegisterState(answer.status.lower()),
                asked_from=asked_from,
                contact=answer.contact,
                found_at=now,
            )
            for each in told
            for answer in each.found
            if answer.status.is_hit
        ]
        keep_hits(self.office, hits)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What goes to one owner in one question."""

    owner: str
    passports: tuple[PassportQuestion, ...]
    places: tuple[int, ...]
    """Of each among all that are asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What came of one batch."""

    found: tuple[PassportAnswer, ...]
    exchange: Exchange | None
    """None if nobody was asked."""


def _together(
    bring: Callable[[_Batch], _Told], batches: Sequence[_Batch]
) -> list[_Told]:
    if len(batches) <= 1:
        return [bring(each) for each in batches]
    with ThreadPoolExecutor(min(len(batches), _AT_ONCE)) as pool:
        return list(pool.map(bring, batches))


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
    count: int
    """Of passports."""
    place: _Here | _There
    trust: verifier.Trust
    now: datetime


def _opened(identity: ServiceIdentity, sealed: str, question: str) -> str | None:
    try:
        data = identity.open(sealed, about=about_answer(question))
        return data.rstrip(b" ").decode("ascii")
    except (Invalid, ValueError):
        return None
