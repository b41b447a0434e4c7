"""Rules of the scheme and of destinations (specification, sections 7.1 and 7.3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import combinations, product

from ._dated import Dated, Period, Span


class PairEffect(StrEnum):
    """What the scheme is between an issuer, a nationality and a destination."""

    EXCLUDED = "excluded"
    LANE_ONLY = "lane_only"
    NOT_REQUIRED = "not_required"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRule:
    """One row of the pair rules; None stands for any."""

    issuer: str | None
    nationality: str | None
    """A code, or ``!`` and a code for any but this."""
    destination: str | None
    effect: PairEffect
    period: Period

    @property
    def rank(self) -> int:
        """How many of the three keys the row names."""
        return sum(
            key is not None for key in (self.issuer, self.nationality, self.destination)
        )

    def matches(self, issuer: str, nationality: str, destination: str) -> bool:
        """Tell whether the row speaks of these three."""
        return (
            (self.issuer is None or self.issuer == issuer)
            and (self.destination is None or self.destination == destination)
            and _nationality_matches(self.nationality, nationality)
        )

    def contradicts(self, other: "PairRule") -> bool:
        """Tell whether both rows can apply with equal rank and different effects."""
        return (
            self.rank == other.rank
            and self.effect != other.effect
            and self.period.overlaps(other.period)
            and _can_agree(self.issuer, other.issuer)
            and _can_agree(self.destination, other.destination)
            and _nationalities_can_agree(self.nationality, other.nationality)
        )


def check_pair_rules(rules: Iterable[PairRule]) -> None:
    """Check that no two rows contradict each other.

    Raises:
        ValueError: Two rows do.
    """
    for first, second in combinations(rules, 2):
        _check_agree(first, second)


def check_between(rules: Iterable[PairRule], others: Iterable[PairRule]) -> None:
    """Check that no row of one table contradicts a row of the other.

    Raises:
        ValueError: One does.
    """
    for first, second in product(rules, others):
        _check_agree(first, second)


def _check_agree(first: PairRule, second: PairRule) -> None:
    if first.contradicts(second):
        raise ValueError("two pair rules of equal rank contradict each other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """The economies and the rules between them."""

    issuers: Mapping[str, str]
    """Issuer URL by economy code."""
    membership: Mapping[str, Dated[str]]
    """``full`` or ``transitional`` by economy code."""
    pair_rules: tuple[PairRule, ...]
    own_economy: Dated[PairEffect]


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRules:
    """What one economy demands as a destination."""

    accepts_form: Mapping[str, Dated[bool]]
    max_stay: Dated[Span]
    lane_needs_clearance: Dated[bool]
    allowed_purposes: Dated[tuple[str, ...]]
    passport_validity: Dated[Span]
    exclusions: tuple[PairRule, ...]

    def accepts(self, form: str, moment: datetime) -> bool | None:
        """Tell whether ``form`` is accepted at ``moment``; None if not known."""
        return self.accepts_form[form].at(moment)


def rules_towards(destination: str, rules: Iterable[PairRule]) -> tuple[PairRule, ...]:
    """Return the rows that can speak of a destination, those naming most keys first."""
    return tuple(
        sorted(
            (rule for rule in rules if rule.destination in {None, destination}),
            key=lambda rule: -rule.rank,
        )
    )


def pair_effect(
    ranked_rules: Iterable[PairRule],
    own_economy: Dated[PairEffect],
    *,
    issuer: str,
    nationality: str,
    destination: str,
    moment: datetime,
) -> PairEffect:
    """Return what applies between three economies at a moment (section 7.1)."""
    for rule in ranked_rules:
        if rule.matches(issuer, nationality, destination) and moment in rule.period:
            return rule.effect
    if destination in {issuer, nationality}:
        return own_economy.at(moment) or PairEffect.NORMAL
    return PairEffect.NORMAL


def _nationality_matches(key: str | None, nationality: str) -> bool:
    if key is None:
        return True
    if key.startswith("!"):
        return key[1:] != nationality
    return key == nationality


def _can_agree(first: str | None, second: str | None) -> bool:
    return first is None or second is None or first == second


def _nationalities_can_agree(first: str | None, second: str | None) -> bool:
    if first is None or second is None:
        return True
    if first.startswith("!") and second.startswith("!"):
        return True
    if first.startswith("!"):
        return first[1:] != second
    return _nationality_matches(second, first)
