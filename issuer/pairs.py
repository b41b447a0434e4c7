"""Which holders a destination treats apart, whatever it decided about the holder."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from issuer.dated import Fact

PairEffect = Literal["excluded", "lane_only", "not_required", "normal"]
"""What a rule does: no pre-clearance can be asked; the lane is open but entry is not
by this card; the holder needs no pre-clearance; pre-clearance decides."""

Code = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Exclusion(Fact):
    """A rule of one destination.  ``None`` is any; ``"!CHN"`` is any but CHN."""

    issuer: Code | None = None
    nationality: Annotated[str, Field(pattern=r"^!?[A-Z]{3}$")] | None = None
    effect: PairEffect


class PairRule(Exclusion):
    """A rule of the scheme; it names at least one of its three keys."""

    destination: Code | None = None

    @model_validator(mode="after")
    def _names_a_key(self) -> Self:
        if not (self.issuer or self.nationality or self.destination):
            raise ValueError("names none of issuer, nationality, destination")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Whose card, held by whom, shown where."""

    issuer: str
    nationality: str
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRule:
    """A rule, the destination it is for, and its key path in the file."""

    path: str
    rule: Exclusion
    destination: str | None

    @property
    def keys(self) -> tuple[str | None, str | None, str | None]:
        """Issuer, nationality and destination as written; ``None`` is any."""
        return self.rule.issuer, self.rule.nationality, self.destination

    @property
    def rank(self) -> int:
        """The number of keys named, 0 to 3; the highest matching rank wins."""
        return sum(key is not None for key in self.keys)

    def matches(self, pair: Pair) -> bool:
        """Tell whether the rule speaks about ``pair``."""
        return (
            self.rule.issuer in (None, pair.issuer)
            and self.destination in (None, pair.destination)
            and _nationality_matches(self.rule.nationality, pair.nationality)
        )

    def meets(self, other: "PlacedRule") -> bool:
        """Tell whether both speak about some pair at some moment."""
        return (
            self.rule.overlaps(other.rule)
            and _agree(self.rule.issuer, other.rule.issuer)
            and _agree(self.destination, other.destination)
            and _nationalities_agree(self.rule.nationality, other.rule.nationality)
        )


def _agree(first: str | None, second: str | None) -> bool:
    return first is None or second is None or first == second


def _nationalities_agree(first: str | None, second: str | None) -> bool:
    if first is None or second is None:
        return True
    if first.startswith("!") and second.startswith("!"):
        return True  # some third nationality is neither
    if second.startswith("!"):
        return _nationality_matches(second, first)
    return _nationality_matches(first, second)


def _nationality_matches(wanted: str | None, nationality: str) -> bool:
    if wanted is None:
        return True
    if wanted.startswith("!"):
        return nationality != wanted[1:]
    return nationality == wanted


def rules_at(rules: Iterable[PlacedRule], at: datetime) -> list[PlacedRule]:
    """Keep the rules in force at ``at`` (timezone-aware)."""
    return [placed for placed in rules if placed.rule.holds(at)]


def winners(rules: Sequence[PlacedRule], pair: Pair) -> list[PlacedRule]:
    """Return the matching rules that name most keys; in a loaded scheme they agree."""
    matching = [placed for placed in rules if placed.matches(pair)]
    best = max((placed.rank for placed in matching), default=0)
    return [placed for placed in matching if placed.rank == best]
