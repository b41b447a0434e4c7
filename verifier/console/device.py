"""One lane of one device: it decides, remembers for minutes, and forgets.

Everything personal is in `_Kept` objects of this module, in memory, and goes with the
screen: when the officer is done, when it is masked, locked, or signed out.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from .._acts import OfficerAct, OfficerDecision, OverrideReason
from .._algorithm import verify
from ..asking import PassportAsker
from ..card import Card, is_economy_code
from ..challenge import challenge_text
from ..decision import Accepted, Decision, Undecided
from ..errors import TrustError
from ..looks import Look
from ..passport import Passport
from ..passport_check import PassportAnswer, PassportQuestion, PassportStatus
from ..policy import Policy
from ..reasons import RejectReason, UndecidedReason
from ..replay import ReplayGuard
from ..store import StoreInfo, TrustStore
from ..trust import Trust
from . import answers, freshness
from .answers import Answer, Found
from .codes import ConsoleReason
from .logbook import Entry, Logbook
from .shifts import Clocks, Shift

View = Callable[[Trust, StoreInfo, Policy, datetime], dict[str, object]]
"""Shows the trust data, and what the store says of it."""
CHALLENGE_LIFE: Final = timedelta(seconds=90)
_CHALLENGES: Final = 8
_CHALLENGE_BYTES: Final = 16
"""Random bytes of a challenge: 22 characters."""
_KEPT: Final = 64
"""Answers remembered; an officer looks at one."""
_ID_BYTES: Final = 9
_OF_PASSPORT: Final = frozenset(
    {
        RejectReason.PASSPORT_MISMATCH,
        RejectReason.PASSPORT_EXPIRED,
        UndecidedReason.PASSPORT_DIFFERS,
    }
)


class Challenge(NamedTuple):
    """A question on the officer's screen, for the phone to answer."""

    id: str
    nonce: str
    until: float
    """On the clock of durations."""


class ChallengeGoneError(Exception):
    """The challenge has been answered, is too old, or never was."""


class AnswerGoneError(Exception):
    """The answer has been forgotten."""


@dataclass(slots=True, kw_only=True)
class _Kept:
    """An answer, as long as it may be on the screen."""

    id: str
    answer: Answer
    at: datetime
    began: float
    is_masked: bool = False
    code: str | None = None
    """What was scanned; None once it is masked or done, and of what was typed."""
    challenge: Challenge | None = None
    found: Found | None = None
    entry: Entry | None = None
    """Its decision on the way into the log."""
    told: PassportAnswer | None = None
    """What the passport's own economy has answered; it stays, whatever is read."""


class Device:
    """One per process: decides what is scanned, and keeps each answer for minutes.

    Safe to share between threads: one lock is around the guard, the snapshot's memory
    of cards, and what is kept.

    Args:
        store: The trust data on this device.
        policy: What this device demands.
        clocks: Moments and durations.
        logbook: Where decisions are written down.
        is_kiosk: Whether it stands without staff.
        is_training: Whether officers train on it: it takes test cards and no others,
            and every answer says so.
        passports: Asks the economies that issued them; None if nobody is asked.
        needs_passport_answer: The lane requires an answer: without one, by hand.
    """

    def __init__(
        self,
        *,
        store: TrustStore,
        policy: Policy,
        clocks: Clocks,
        logbook: Logbook,
        is_kiosk: bool = False,
        is_training: bool = False,
        passports: PassportAsker | None = None,
        needs_passport_answer: bool = False,
    ) -> None:
        self.policy = policy
        self.passports = None if is_training else passports
        self._needs_passport_answer = needs_passport_answer
        self.clocks = clocks
        self.is_kiosk = is_kiosk
        self.is_training = is_training
        self.logbook = logbook
        self._store = store
        self._lock = threading.Lock()
        self._trust: Trust | None = None
        self._trained: tuple[Trust, Trust] | None = None
        """A snapshot, and what it is for training: that is made once, not each scan."""
        self._guard = ReplayGuard(policy)
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._challenges: OrderedDict[str, Challenge] = OrderedDict()

    # What is scanned and typed.

    def check(
        self, code: str, *, passport: Passport | None, challenge: str | None
    ) -> Answer:
        """Decide about what was scanned, and have it written down.

        The text that is on the screen already keeps its answer as long as it would be
        decided alike. A passport that was read since joins it: then it is decided as of
        the moment when the code was scanned.

        Args:
            code: Exactly what was scanned.
            passport: What was read of the traveller's passport, if anything was.
            challenge: Id of the challenge on the screen; None if there is none.

        Raises:
            ChallengeGoneError: It has been answered, or is too old: show another.
        """
        with self._lock:
            self._tidy()
            asked = self._find_challenge(challenge, code)
            try:
                trust = self._trust = self._load()
            except TrustError:
                plain = self._plain(ConsoleReason.NOT_READY, Look.BY_HAND)
                return self._keep(plain, self.clocks.now()).answer
            shown = self._on_screen(code, asked)
            if shown and self._joins(shown, code, trust, passport):
                return shown.answer
            return self._first(code, trust, passport, asked)

    def add_plain(self, reason: ConsoleReason, look: Look, **more: object) -> Answer:
        """Keep an answer that no card decided."""
        with self._lock:
            self._tidy()
            plain = self._plain(reason, look, **more)
            return self._keep(plain, self.clocks.now()).answer

    def add_training(
        self,
        decision: Decision,
        passport: Passport,
        *,
        told: PassportAnswer | None = None,
    ) -> Answer:
        """Keep an answer about a card of the training; no log has it.

        Args:
            decision: About the card.
            passport: What was read of the passport.
            told: What its own economy says of it, as in a lane that needs an answer;
                None if it was not asked.
        """
        card = decision.card if isinstance(decision, Accepted) else None
        found = Found(decision=decision, passport=passport, card=card, seen_before=None)
        with self._lock:
            self._tidy()
            answer = answers.of_decision(found, is_kiosk=self.is_kiosk)
            kept = self._keep(answer, self.clocks.now(), found=found)
            if told is not None:
                kept.answer = self._as_told(kept.answer, told, is_needed=True)
            kept.answer = kept.answer | {"training": True}
            return kept.answer

    # What an officer does with an answer.

    def compared(self, answer_id: str, *, matches: bool, by: Shift) -> Answer:
        """Take what the officer found by comparing; a mismatch is written down.

        Raises:
            AnswerGoneError: It has been forgotten.
        """
        with self._lock:
            kept = self._find(answer_id)
            if not matches:
                self._act(kept, None, OverrideReason.MISMATCH, "", by)
                self._forget_person(kept)
                refused = self._plain(ConsoleReason.MISMATCH, Look.REFUSED)
                kept.answer = refused | _stamp(kept)
            return kept.answer

    def override(
        self,
        answer_id: str,
        decision: OfficerDecision,
        reason: OverrideReason,
        *,
        note: str,
        by: Shift,
    ) -> Answer:
        """Write down that the officer does not go by an answer.

        Returns:
            The answer, with ``override``: what was decided, and whether it is in the
            log or on its way there.

        Raises:
            AnswerGoneError: It has been forgotten.
            ValueError: The note is too long, or more than a line.
        """
        with self._lock:
            kept = self._find(answer_id)
            is_recorded = self._act(kept, decision, reason, note, by)
            said = {"decision": decision.value, "reason": reason.value}
            kept.answer = kept.answer | {"override": said | {"recorded": is_recorded}}
            return kept.answer

    def check_passport(self, answer_id: str) -> Answer:
        """Have the passport of an accepted card checked by who issued it.

        The verdict is on the screen meanwhile, and nothing waits here but this: the
        lock is not held while the question is on its way.

        Returns:
            The answer, with ``passport_check``; another one where the passport is
            reported, or where there is no answer and the lane requires one.

        Raises:
            AnswerGoneError: It has been forgotten, perhaps meanwhile.
        """
        with self._lock:
            kept = self._find(answer_id)
            card, passport = (
                (kept.found.card, kept.found.passport) if kept.found else (None, None)
            )
            trust, now = self._trust, self.clocks.now()
            is_due = kept.answer["outcome"] == "accepted"
        if self.passports is None or card is None or trust is None or not is_due:
            return kept.answer
        question = PassportQuestion.about_card(card, passport)
        told = self.passports.ask(question, trust=trust, now=now)
        with self._lock:
            kept = self._find(answer_id)
            if kept.found is not None and kept.answer["outcome"] == "accepted":
                kept.told = told
                kept.answer = self._with_passport(kept.answer, told)
            return kept.answer

    def _with_passport(self, answer: Answer, told: PassportAnswer) -> Answer:
        is_needed = self._needs_passport_answer
        return self._as_told(answer, told, is_needed=is_needed)

    def _as_told(
        self, answer: Answer, told: PassportAnswer, *, is_needed: bool
    ) -> Answer:
        said = {"passport_check": answers.passport_check(told)}
        if told.status.is_hit:
            plain = self._plain(RejectReason.PASSPORT_REPORTED, Look.REFUSED)
        elif told.status.is_problem:
            plain = self._plain(ConsoleReason.NOT_CONFIRMED, Look.REFUSED)
        elif told.status is PassportStatus.VALID or not is_needed:
            return answer | said
        else:
            plain = self._plain(ConsoleReason.NOT_ASKED, Look.BY_HAND)
        kept = (*_STAMP, "person", "passport", "read", "data_as_of", "data_age")
        return plain | {name: answer[name] for name in kept} | said

    # What is forgotten.

    def done(self, answer_id: str) -> None:
        """Forget a person; what was decided is remembered for an override."""
        with self._lock:
            kept = self._kept.get(answer_id)
            if kept:
                self._forget_person(kept)

    def forget_all(self) -> None:
        """Forget every answer and challenge: the screen is locked or left."""
        with self._lock:
            self._kept.clear()
            self._challenges.clear()
            self._forget_cards()

    def tidy(self) -> None:
        """Mask what has been kept for three minutes; to be called every few seconds."""
        with self._lock:
            self._tidy()

    # Challenges.

    def ask(self) -> dict[str, str]:
        """Make a challenge.

        Returns:
            ``id``, ``text`` for the code on the screen, and when it ends.
        """
        with self._lock:
            now = self.clocks.now()
            made = Challenge(
                id=secrets.token_urlsafe(_ID_BYTES),
                nonce=secrets.token_urlsafe(_CHALLENGE_BYTES),
                until=self.clocks.elapsed() + CHALLENGE_LIFE.total_seconds(),
            )
            self._challenges[made.id] = made
            while len(self._challenges) > _CHALLENGES:
                self._challenges.popitem(last=False)
            return {
                "id": made.id,
                "text": challenge_text(made.nonce),
                "expires_at": (now + CHALLENGE_LIFE).isoformat(),
            }

    # The data.

    def load(self) -> Trust:
        """Return the trust data.

        Raises:
            TrustError: There is none that can be used.
        """
        with self._lock:
            return self._store.load()

    def freshness(self) -> dict[str, object]:
        """Say how fresh the data is, and whether there is any."""
        try:
            trust = self.load()
        except TrustError as error:
            return {"ready": False, "problem": str(error), **freshness.NOT_READY}
        told = freshness.freshness(trust, self.policy, self.clocks.now())
        return {"ready": True, "problem": None, **told}

    def is_economy(self, code: str) -> bool:
        """Tell whether a code is one of the scheme, as far as this device knows."""
        try:
            return code in self.load().economies
        except TrustError:
            return is_economy_code(code)

    def view(self, show: View) -> dict[str, object]:
        """Look at the trust data.

        Raises:
            StoreError: There is none that can be used.
        """
        trust, info = self.load(), self._store.info()
        return show(trust, info, self.policy, self.clocks.now())

    # Deciding; all below is called with the lock.

    def _load(self) -> Trust:
        trust = self._store.load()
        if not self.is_training:
            return trust
        if self._trained is None or self._trained[0] is not trust:
            self._trained = trust, trust.for_training()
        return self._trained[1]

    def _first(
        self,
        code: str,
        trust: Trust,
        passport: Passport | None,
        challenge: Challenge | None,
    ) -> Answer:
        now = self.clocks.now()
        decision = self._guard.check(
            self._verify(code, trust, passport, challenge, now)
        )
        if challenge and decision.evidence.proof_nonce == challenge.nonce:
            del self._challenges[challenge.id]
        found = Found(
            decision=decision,
            passport=passport,
            card=self._card(code, trust, decision, challenge),
            seen_before=self._seen_before(decision),
        )
        answer = answers.of_decision(found, is_kiosk=self.is_kiosk)
        kept = self._keep(answer, now, code=code, challenge=challenge, found=found)
        kept.entry = self.logbook.record(decision)
        return kept.answer

    def _joins(
        self, kept: _Kept, code: str, trust: Trust, passport: Passport | None
    ) -> bool:
        """Join a text with the answer on the screen, if it belongs to it."""
        found = kept.found
        if found is None:
            return False
        if passport is None or passport == found.passport:
            now = self.clocks.now()
            again = self._verify(code, trust, found.passport, kept.challenge, now)
            return answers.reason_of(again) == answers.reason_of(found.decision)
        self._join_passport(kept, code, trust, passport)
        return True

    def _join_passport(
        self, kept: _Kept, code: str, trust: Trust, passport: Passport
    ) -> None:
        decision = self._verify(code, trust, passport, kept.challenge, kept.at)
        before = kept.found.decision if kept.found else decision
        if isinstance(decision, Accepted) and _is_repeat(before):
            decision = before  # a passport does not make a code new
        newly = Found(
            decision=decision,
            passport=passport,
            card=self._card(code, trust, decision, kept.challenge),
            seen_before=self._seen_before(decision),
        )
        answer = answers.of_decision(newly, is_kiosk=self.is_kiosk)
        if answer["reason"] != answers.reason_of(before):  # else it was the same scan
            kept.entry = self.logbook.record(decision)
        if kept.told is not None and isinstance(decision, Accepted):
            answer = self._with_passport(answer | _stamp(kept), kept.told)
        kept.found = newly
        kept.answer = answer | _stamp(kept)

    def _verify(
        self,
        code: str,
        trust: Trust,
        passport: Passport | None,
        challenge: Challenge | None,
        now: datetime,
    ) -> Decision:
        return verify(
            code,
            trust=trust,
            policy=self.policy,
            expected_passport=passport,
            expected_challenge=challenge.nonce if challenge else None,
            now=now,
        )

    def _card(
        self, code: str, trust: Trust, decision: Decision, challenge: Challenge | None
    ) -> Card | None:
        """Return the card that the officer may see.

        Where the passport alone decided, the officer has to see what differs: without
        the passport the same code is accepted, and that decision carries the card.
        """
        if isinstance(decision, Accepted):
            return decision.card
        if decision.reason not in _OF_PASSPORT:
            return None
        now = decision.evidence.now
        alone = self._verify(code, trust, None, challenge, now)
        return alone.card if isinstance(alone, Accepted) else None

    def _seen_before(self, decision: Decision) -> timedelta | None:
        if not _is_repeat(decision):
            return None
        first = self._guard.first_seen(decision)
        return abs(decision.evidence.now - first) if first else None

    # Keeping.

    def _act(
        self,
        kept: _Kept,
        decision: OfficerDecision | None,
        reason: OverrideReason,
        note: str,
        by: Shift,
    ) -> bool:
        act = OfficerAct(
            decision=decision,
            reason=reason,
            look=str(kept.answer["look"]),
            officer=by.officer,
            lane=by.lane,
            note=note,
        )
        if kept.answer["training"]:
            return False
        return self.logbook.record_act(act, of=kept.entry, now=self.clocks.now())

    def _plain(
        self, reason: ConsoleReason | RejectReason, look: Look, **more: object
    ) -> Answer:
        return answers.without_decision(reason, look, is_kiosk=self.is_kiosk, **more)

    def _keep(
        self,
        answer: Answer,
        now: datetime,
        *,
        code: str | None = None,
        challenge: Challenge | None = None,
        found: Found | None = None,
    ) -> _Kept:
        answer_id = secrets.token_urlsafe(_ID_BYTES)
        stamp: Answer = {
            "id": answer_id,
            "at": now.isoformat(),
            "training": self.is_training,
        }
        kept = _Kept(
            id=answer_id,
            answer=stamp | answer,
            at=now,
            began=self.clocks.elapsed(),
            code=code,
            challenge=challenge,
            found=found,
        )
        self._kept[kept.id] = kept
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return kept

    def _on_screen(self, code: str, challenge: Challenge | None) -> _Kept | None:
        """Return the last answer, if it is about this text and not done."""
        last = self._last()
        if last is None or last.code != code:
            return None
        is_same_question = challenge is None or challenge == last.challenge
        return last if is_same_question else None

    def _last(self) -> _Kept | None:
        return next(reversed(self._kept.values()), None)

    def _find(self, answer_id: str) -> _Kept:
        self._tidy()
        kept = self._kept.get(answer_id)
        if kept is None:
            raise AnswerGoneError
        return kept

    def _find_challenge(self, wanted: str | None, code: str) -> Challenge | None:
        if wanted is None:
            return None
        last = self._last()
        shown = last.challenge if last and last.code == code else None
        if shown and shown.id == wanted:  # the same answer, held up again
            return shown
        found = self._challenges.get(wanted)
        if found is None or self.clocks.elapsed() > found.until:
            raise ChallengeGoneError
        return found

    def _forget_person(self, kept: _Kept) -> None:
        kept.is_masked = True
        kept.code = kept.found = kept.challenge = None
        kept.answer = answers.masked(kept.answer)
        self._forget_cards()

    def _forget_cards(self) -> None:
        """Empty the snapshot's memory of cards, which would save half a millisecond."""
        if self._trust:
            self._trust.seen_cards.forget()

    def _tidy(self) -> None:
        latest = self.clocks.elapsed() - answers.MASKED_AFTER.total_seconds()
        for kept in self._kept.values():
            if kept.began <= latest and not kept.is_masked:
                self._forget_person(kept)


_STAMP: Final = ("id", "at", "training")
"""Members that an answer keeps while it becomes another."""


def _stamp(kept: _Kept) -> Answer:
    return {name: kept.answer[name] for name in _STAMP}


def _is_repeat(decision: Decision) -> bool:
    return (
        isinstance(decision, Undecided)
        and decision.reason is UndecidedReason.PROOF_REPEAT
    )
