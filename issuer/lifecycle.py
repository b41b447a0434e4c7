"""What may become of an application, a pre-clearance, a card, a credential, a passport.

Five tables, one for each. A row says: from these states, this event leads to that
state, and only these may cause it. What no row says is refused with a reason that
programs can rely on. Nothing here knows a database, a clock or a person.

    >>> PRECLEARANCE.after(Preclearance.PENDING, "approve", by=Side.DESTINATION)
    <Preclearance.APPROVED: 'approved'>
    >>> PRECLEARANCE.after(Preclearance.PENDING, "approve", by=Side.HOME)
    Traceback (most recent call last):
        ...
    issuer.errors.IllegalTransition: preclearance.not_theirs: approve is not for home

Source: Operating practice as published by APEC, ICA, KITA, INM, AUS Home Affairs and
the design of this project, section 9.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from issuer.errors import IllegalTransition


class Side(StrEnum):
    """Who causes an event."""

    HOME = "home"
    """The economy that issues the card."""
    DESTINATION = "destination"
    """The economy that was asked to pre-clear."""
    HOLDER = "holder"
    """The applicant, or who acts for them at the home economy's counter."""
    SYSTEM = "system"
    """The rules, without a person's judgement."""


class Application(StrEnum):
    """States of an application to the home economy."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    HOME_REVIEW = "home_review"
    HOME_APPROVED = "home_approved"
    HOME_REFUSED = "home_refused"
    CIRCULATED = "circulated"
    CLOSED = "closed"
    APPLICANT_WITHDRAWN = "applicant_withdrawn"


class Preclearance(StrEnum):
    """States of one destination's answer for one card."""

    NOT_SENT = "not_sent"
    PENDING = "pending"
    APPROVED = "approved"
    NOT_APPROVED = "not_approved"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class Card(StrEnum):
    """States of a card, which may have a credential of each form."""

    PENDING_HOME = "pending_home"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LOST = "lost"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


class Credential(StrEnum):
    """States of a credential: one binding of a card to a phone or to a plastic card."""

    PREPARED = "prepared"
    """Has an index, and no signature has been recorded yet."""
    VALID = "valid"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    VOID = "void"
    """Was never signed, and never will be; its index stays unused."""
    EXPIRED = "expired"


class PassportLink(StrEnum):
    """States of the link between a card and a passport; one is open at a time."""

    LINKED = "linked"
    REPORTED = "reported"
    """Reported lost, stolen or cancelled: the card cannot be used until relinked."""
    REPLACED = "replaced"
    ENDED = "ended"
    """The card ended."""


_State = TypeVar("_State", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[_State]):
    """One row: what may happen, from where, to where, by whom."""

    event: str
    before: frozenset[_State]
    after: _State
    by: frozenset[Side]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle(Generic[_State]):
    """A state machine as a table of steps; see the five below.

    Raises:
        ValueError: Two rows give one event two outcomes from the same state.
    """

    name: str
    """Begins the reason of every refusal."""
    start: _State
    steps: tuple[Step[_State], ...]
    _index: Mapping[tuple[_State, str], Step[_State]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        index: dict[tuple[_State, str], Step[_State]] = {}
        for step in self.steps:
            for state in step.before:
                if (state, step.event) in index:
                    raise ValueError(f"{self.name}: {step.event} from {state} twice")
                index[state, step.event] = step
        object.__setattr__(self, "_index", MappingProxyType(index))

    @property
    def states(self) -> tuple[_State, ...]:
        """Every state, in the order of their definition."""
        return tuple(type(self.start))

    @property
    def events(self) -> frozenset[str]:
        """Every event of the table."""
        return frozenset(step.event for step in self.steps)

    def after(self, state: _State, event: str, *, by: Side) -> _State:
        """Return the state that an event leads to.

        Args:
            state: The state that it is in.
            event: One of ``events``.
            by: Who causes it.

        Raises:
            IllegalTransition: ``<name>.ended`` if nothing can happen any more;
                ``<name>.not_now`` if this cannot happen in this state;
                ``<name>.not_theirs`` if it is not for that side to do.
            ValueError: ``event`` is none of the table.
        """
        if event not in self.events:
            raise ValueError(f"{event!r} is no event of {self.name}")
        step = self._index.get((state, event))
        if step is None:
            raise self._refusal(state, event)
        if by not in step.by:
            raise IllegalTransition(
                f"{self.name}.not_theirs", f"{event} is not for {by}"
            )
        return step.after

    def allowed(self, state: _State, *, by: Side) -> tuple[str, ...]:
        """List the events that a side can cause in a state, in the table's order."""
        return tuple(
            step.event for step in self.steps if state in step.before and by in step.by
        )

    def is_final(self, state: _State) -> bool:
        """Tell whether nothing can happen any more."""
        return not any(state in step.before for step in self.steps)

    def open_states(self) -> frozenset[_State]:
        """Return the states in which something can still happen."""
        return frozenset(state for state in self.states if not self.is_final(state))

    def __iter__(self) -> Iterator[Step[_State]]:
        return iter(self.steps)

    def _refusal(self, state: _State, event: str) -> IllegalTransition:
        if self.is_final(state):
            return IllegalTransition(f"{self.name}.ended", f"it is {state}")
        detail = f"not possible while it is {state}: {event}"
        return IllegalTransition(f"{self.name}.not_now", detail)


def _step(
    event: str, before: tuple[_State, ...], after: _State, *by: Side
) -> Step[_State]:
    return Step(event=event, before=frozenset(before), after=after, by=frozenset(by))


_A, _P, _C, _K, _L = Application, Preclearance, Card, Credential, PassportLink

APPLICATION: Final = Lifecycle(
    name="application",
    start=_A.DRAFT,
    steps=(
        _step("submit", (_A.DRAFT,), _A.SUBMITTED, Side.HOLDER, Side.HOME),
        _step("open", (_A.SUBMITTED,), _A.HOME_REVIEW, Side.HOME),
        # A stage of the review ends well and the next begins.
        _step("pass_stage", (_A.HOME_REVIEW,), _A.HOME_REVIEW, Side.HOME),
        _step("approve", (_A.HOME_REVIEW,), _A.HOME_APPROVED, Side.HOME),
        _step("refuse", (_A.HOME_REVIEW,), _A.HOME_REFUSED, Side.HOME),
        # To nobody, if the issuer is transitional or every pair is excluded.
        _step("circulate", (_A.HOME_APPROVED,), _A.CIRCULATED, Side.HOME, Side.SYSTEM),
        # Some look once more when the destinations have answered (KITA).
        _step("pass_stage", (_A.CIRCULATED,), _A.CIRCULATED, Side.HOME),
        _step("close", (_A.CIRCULATED,), _A.CLOSED, Side.HOME, Side.SYSTEM),
        _step(
            "withdraw",
            (_A.DRAFT, _A.SUBMITTED, _A.HOME_REVIEW, _A.HOME_APPROVED, _A.CIRCULATED),
            _A.APPLICANT_WITHDRAWN,
            Side.HOLDER,
            Side.HOME,
        ),
    ),
)
"""ICA, KITA, BOCA; the stages of the home review are configuration."""

PRECLEARANCE: Final = Lifecycle(
    name="preclearance",
    start=_P.NOT_SENT,
    steps=(
        _step("send", (_P.NOT_SENT,), _P.PENDING, Side.HOME, Side.SYSTEM),
        # Reminding and asking again change nothing: nobody can hurry a destination.
        _step("remind", (_P.PENDING,), _P.PENDING, Side.HOME),
        _step("ask_again", (_P.NOT_APPROVED,), _P.NOT_APPROVED, Side.HOME),
        _step("approve", (_P.PENDING,), _P.APPROVED, Side.DESTINATION),
        _step("refuse", (_P.PENDING,), _P.NOT_APPROVED, Side.DESTINATION),
        _step("reconsider", (_P.NOT_APPROVED,), _P.APPROVED, Side.DESTINATION),
        _step("suspend", (_P.APPROVED,), _P.SUSPENDED, Side.DESTINATION),
        _step("reinstate", (_P.SUSPENDED,), _P.APPROVED, Side.DESTINATION),
        _step("withdraw", (_P.APPROVED, _P.SUSPENDED), _P.WITHDRAWN, Side.DESTINATION),
        _step("repend", (_P.APPROVED,), _P.PENDING, Side.SYSTEM),
        _step(
            "lapse",
            (_P.NOT_SENT, _P.PENDING, _P.APPROVED, _P.NOT_APPROVED, _P.SUSPENDED),
            _P.LAPSED,
            Side.SYSTEM,
        ),
    ),
)
"""Only the destination decides (APEC); what lapses was ended by the home's rules."""

CARD: Final = Lifecycle(
    name="card",
    start=_C.PENDING_HOME,
    steps=(
        _step("activate", (_C.PENDING_HOME,), _C.ACTIVE, Side.HOME, Side.SYSTEM),
        _step("suspend", (_C.ACTIVE,), _C.SUSPENDED, Side.HOME, Side.SYSTEM),
        _step("restore", (_C.SUSPENDED,), _C.ACTIVE, Side.HOME),
        _step(
            "report_lost", (_C.ACTIVE, _C.SUSPENDED), _C.LOST, Side.HOLDER, Side.HOME
        ),
        _step(
            "cancel",
            (_C.PENDING_HOME, _C.ACTIVE, _C.SUSPENDED),
            _C.CANCELLED,
            Side.HOME,
            Side.SYSTEM,
        ),
        _step("supersede", (_C.ACTIVE, _C.SUSPENDED), _C.SUPERSEDED, Side.SYSTEM),
        _step("expire", (_C.ACTIVE, _C.SUSPENDED), _C.EXPIRED, Side.SYSTEM),
    ),
)
"""What was cancelled or lost never returns; what was suspended may."""

CREDENTIAL: Final = Lifecycle(
    name="credential",
    start=_K.PREPARED,
    steps=(
        _step("sign", (_K.PREPARED,), _K.VALID, Side.HOME, Side.SYSTEM),
        _step("void", (_K.PREPARED,), _K.VOID, Side.HOME, Side.SYSTEM),
        # More approvals, the same phone: signed anew under the same index.
        _step("refresh", (_K.VALID,), _K.VALID, Side.HOME, Side.SYSTEM),
        _step(
            "suspend", (_K.VALID,), _K.SUSPENDED, Side.HOLDER, Side.HOME, Side.SYSTEM
        ),
        _step("restore", (_K.SUSPENDED,), _K.VALID, Side.HOME),
        _step(
            "revoke",
            (_K.VALID, _K.SUSPENDED),
            _K.REVOKED,
            Side.HOLDER,
            Side.HOME,
            Side.SYSTEM,
        ),
        _step(
            "supersede", (_K.VALID, _K.SUSPENDED), _K.SUPERSEDED, Side.HOME, Side.SYSTEM
        ),
        _step("expire", (_K.VALID, _K.SUSPENDED), _K.EXPIRED, Side.SYSTEM),
    ),
)
"""What a status list says of an index follows from these: specification, section 6."""

PASSPORT_LINK: Final = Lifecycle(
    name="passport_link",
    start=_L.LINKED,
    steps=(
        _step("report", (_L.LINKED,), _L.REPORTED, Side.HOLDER, Side.HOME, Side.SYSTEM),
        _step("replace", (_L.LINKED, _L.REPORTED), _L.REPLACED, Side.HOLDER, Side.HOME),
        _step("end", (_L.LINKED, _L.REPORTED), _L.ENDED, Side.SYSTEM),
    ),
)
"""Exactly one passport is linked to a card (AUS form 1390)."""
