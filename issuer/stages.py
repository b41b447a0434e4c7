"""The stages of a home review, and where the destinations' answers come among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from issuer import lifecycle
from issuer.dated import in_force
from issuer.economy import ANSWERS
from issuer.scheme import Scheme
from issuer.store import Application

_UNKNOWN: Final = ("review",)
"""Where none are configured: somebody has to have looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What officers pass, in order; positions go on from the first part to the second.

    Economies may list ``destination_answers`` among their stages.  Nobody passes that
    one: it stands for the circulation, which comes after home approval, and for the
    wait until destinations have answered.
    """

    before: tuple[str, ...]
    """To be passed before home approval."""
    after: tuple[str, ...]
    """To be passed after the answers, before the application is closed."""

    @classmethod
    def of(cls, scheme: Scheme, economy: str, at: datetime) -> Self:
        """Return those of an economy that are in force at a moment.

        Args:
            scheme: In force.
            economy: Alpha-3, of the scheme.
            at: When the application was submitted; timezone-aware.
        """
        found = in_force(scheme.economy(economy).home_review_stages, at)
        listed: Sequence[str] = found.value if found else _UNKNOWN
        place = listed.index(ANSWERS) if ANSWERS in listed else len(listed)
        return cls(before=tuple(listed[:place]), after=tuple(listed[place + 1 :]))

    @property
    def names(self) -> tuple[str, ...]:
        """All of them; a position counts in here."""
        return self.before + self.after

    def left(self, row: Application) -> tuple[str, ...]:
        """Return those that can be passed as the application is, the next first."""
        match row.state:
            case lifecycle.Application.HOME_REVIEW:
                return self.before[row.stage :]
            case lifecycle.Application.CIRCULATED:
                return self.names[row.stage :]
            case _:
                return ()


def stages_of(scheme: Scheme, row: Application) -> Stages:
    """Return the stages that an application goes through.

    They are those in force when it was submitted, so that a new list does not move
    what is under way.
    """
    return Stages.of(scheme, row.economy, row.submitted_at or row.entered_at)
