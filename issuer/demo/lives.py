"""What becomes of an invented traveller: pure fiction, the same for the same number."""

import random  # noqa: TID251  # reproducible fiction; nothing secret comes from it
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zlib import crc32

from issuer.demo.travellers import Traveller, chance, invent
from issuer.lifecycle import Application as ApplicationState
from issuer.lifecycle import Card as CardState
from issuer.lifecycle import Preclearance as Answer
from issuer.profile import card_expiry
from issuer.scheme import Scheme
from issuer.stages import Stages

EVERY_OPEN: Final = 17
"""Of so many travellers one's application is not decided, or not circulated, yet."""
_OPEN_STATES: Final = (
    ApplicationState.DRAFT,
    ApplicationState.SUBMITTED,
    ApplicationState.HOME_REVIEW,
    ApplicationState.HOME_APPROVED,
    ApplicationState.HOME_REVIEW,
    ApplicationState.SUBMITTED,
)
"""In turn, so that a small demonstration has each of them too."""
_CARD_STATES: Final = (
    (CardState.ACTIVE, 90),
    (CardState.SUSPENDED, 2),
    (CardState.LOST, 3),
    (CardState.CANCELLED, 3),
    (CardState.SUPERSEDED, 2),
)
_ANSWERS: Final = (
    (Answer.APPROVED, 86),
    (Answer.PENDING, 8),
    (Answer.NOT_APPROVED, 4),
    (Answer.WITHDRAWN, 1),
    (Answer.SUSPENDED, 1),
)
_DECISIONS: Final[Mapping[Answer, tuple[str, ...]]] = {
    Answer.PENDING: (),
    Answer.APPROVED: ("approve",),
    Answer.NOT_APPROVED: ("refuse",),
    Answer.WITHDRAWN: ("approve", "withdraw"),
    Answer.SUSPENDED: ("approve", "suspend"),
}
_AFTER: Final[Mapping[str, Answer]] = {
    "send": Answer.PENDING,
    "remind": Answer.PENDING,
    "approve": Answer.APPROVED,
    "refuse": Answer.NOT_APPROVED,
    "withdraw": Answer.WITHDRAWN,
    "suspend": Answer.SUSPENDED,
    "lapse": Answer.LAPSED,
}
_LONGEST_WAIT: Final = timedelta(days=240)
"""Published waits are up to a year; what is asked is answered some day."""
_REMINDED: Final = timedelta(days=120)
_LIVE: Final = (CardState.ACTIVE, CardState.SUSPENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event of a pre-clearance."""

    event: str
    after: Answer
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What one destination says of one card, and how it came to that."""

    steps: tuple[Step, ...]
    hits: int | None
    """On its watch list; None while nobody has looked."""

    @property
    def state(self) -> Answer:
        """The last word."""
        return self.steps[-1].after

    @property
    def answered_at(self) -> datetime | None:
        """When the question was answered first."""
        return next(
            (each.at for each in self.steps if each.event in ("approve", "refuse")),
            None,
        )

    @property
    def reminded_at(self) -> datetime | None:
        """When the destination was reminded."""
        return next((each.at for each in self.steps if each.event == "remind"), None)

    def lapsed(self, at: datetime) -> "Lane":
        """Return it after the card has ended."""
        last = Step(event="lapse", after=Answer.LAPSED, at=max(at, self.steps[-1].at))
        is_over = self.state == Answer.WITHDRAWN
        return self if is_over else Lane(steps=(*self.steps, last), hits=0)


@dataclass(slots=True, kw_only=True)
class Life:
    """One traveller, and what becomes of their application and card."""

    number: int
    dice: random.Random
    traveller: Traveller
    applied_on: date
    application: ApplicationState
    stages: tuple[str, ...] = ()
    """Of the review that are passed."""
    final_stages: tuple[str, ...] = ()
    """Those behind the destinations' answers that are passed."""
    issued_on: date | None = None
    card: CardState = CardState.PENDING_HOME
    is_replaced: bool = False
    """The card was lost, and another continues it."""
    lost_phone: bool = False
    """The first phone was lost, and another one has the card."""
    expires_at: datetime | None = None
    forms: tuple[str, ...] = ()
    lanes: dict[str, Lane] = field(default_factory=dict)
    """By destination, before what ended the card."""

    @property
    def is_live(self) -> bool:
        """Whether the card, the first of them, is in use."""
        return self.card in _LIVE


def invent_life(
    economy: str, number: int, *, seed: int, scheme: Scheme, now: datetime
) -> Life:
    """Invent a traveller and what becomes of them until now.

    Args:
        economy: Where they apply; alpha-3.
        number: From 0 up to 99,999,999.
        seed: The same seed gives the same people.
        scheme: In force.
        now: This moment; timezone-aware.
    """
    dice, today = chance(seed, economy, number), now.date()
    traveller = invent(economy, number, dice, today=today)
    if number % EVERY_OPEN == 3:
        return _open_life(economy, number, dice, traveller, scheme=scheme, now=now)
    applied_on = today - timedelta(days=dice.randrange(30, 5 * 365))
    issued_on = min(applied_on + timedelta(days=dice.randrange(5, 60)), today)
    life = Life(
        number=number,
        dice=dice,
        traveller=traveller,
        applied_on=applied_on,
        application=ApplicationState.CLOSED,
        stages=_stages(scheme, economy, applied_on).before,
        final_stages=_stages(scheme, economy, applied_on).after,
        card=weighted(_CARD_STATES, dice),
    )
    _issue(life, economy, issued_on, scheme, now)
    _circulate(life, economy, scheme, now)
    if Answer.PENDING in {lane.state for lane in life.lanes.values()}:
        life.application = ApplicationState.CIRCULATED
        life.final_stages = ()
    return life


def _open_life(
    economy: str,
    number: int,
    dice: random.Random,
    traveller: Traveller,
    *,
    scheme: Scheme,
    now: datetime,
) -> Life:
    life = Life(
        number=number,
        dice=dice,
        traveller=traveller,
        applied_on=now.date() - timedelta(days=dice.randrange(60)),
        application=_OPEN_STATES[number // EVERY_OPEN % len(_OPEN_STATES)],
    )
    stages = _stages(scheme, economy, life.applied_on).before
    if life.application == ApplicationState.HOME_REVIEW:
        life.stages = stages[: dice.randint(0, len(stages))]
    elif life.application == ApplicationState.HOME_APPROVED:
        life.stages, life.card = stages, CardState.ACTIVE
        _issue(life, economy, now.date(), scheme, now)
        life.forms = ()
    return life


def _stages(scheme: Scheme, economy: str, day: date) -> Stages:
    return Stages.of(scheme, economy, moment_of(day))


def _issue(life: Life, economy: str, day: date, scheme: Scheme, now: datetime) -> None:
    term = scheme.card_term(economy, moment_of(life.applied_on)) or 5
    life.issued_on = day
    life.expires_at = card_expiry(day, term, life.traveller.passport_expires_on)
    if life.expires_at <= now:
        life.card = CardState.EXPIRED
    forms = scheme.issuance_mode(economy, now)
    life.forms = tuple(sorted(forms or {"physical"}))
    life.is_replaced = life.card == CardState.LOST and life.dice.random() < 0.5
    life.lost_phone = life.card == CardState.ACTIVE and life.dice.random() < 0.02


def _circulate(life: Life, economy: str, scheme: Scheme, now: datetime) -> None:
    asked = min(moment_of(life.issued_on or life.applied_on, hour=4), now)
    for code in scheme.destinations(economy, life.traveller.nationality, now):
        wanted = weighted(_ANSWERS, life.dice)
        if wanted == Answer.PENDING and now - asked > _LONGEST_WAIT:
            wanted = Answer.APPROVED
        steps = [Step(event="send", after=Answer.PENDING, at=asked)]
        for event in _DECISIONS[wanted]:
            at = _session_after(code, steps[-1].at)
            if at > now:
                break
            steps.append(Step(event=event, after=_AFTER[event], at=at))
        is_open = len(steps) == 1
        if is_open and now - asked > _REMINDED and life.dice.random() < 0.3:
            at = asked + _REMINDED
            steps.append(Step(event="remind", after=Answer.PENDING, at=at))
        life.lanes[code] = Lane(
            steps=tuple(steps), hits=_hits(life.dice) if is_open else 0
        )


def _hits(dice: random.Random) -> int | None:
    found = dice.random()
    return None if found < 0.6 else 0 if found < 0.97 else dice.randint(1, 2)


def _session_after(destination: str, at: datetime) -> datetime:
    """Return when a destination decides next: together, and each in its own rhythm."""
    weeks = 6 + crc32(destination.encode()) % 12
    days = at.date().toordinal() + 1
    days += -days % (7 * weeks)
    return moment_of(date.fromordinal(days), hour=9)


def moment_of(day: date, *, hour: int = 3) -> datetime:
    """Return a moment of a day, in UTC."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def weighted(choices: tuple[tuple[Any, int], ...], dice: random.Random) -> Any:
    """Choose by weights."""
    values, weights = zip(*choices, strict=True)
    return dice.choices(values, weights)[0]
