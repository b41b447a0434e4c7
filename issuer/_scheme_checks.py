"""What must hold across the keys of a scheme, beyond the shape of each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, combinations, product

from issuer.dated import Fact, find_overlaps, in_force
from issuer.economy import Economy, Facts
from issuer.pairs import Pair, PlacedRule, rules_at, winners

Problem = tuple[str, str]
"""A key path and what is wrong there."""

_ANY_OTHER = ""
"""A nationality that no rule names."""

_START = datetime.min.replace(tzinfo=UTC)
"""Earlier than anything dated."""


def find_problems(
    *,
    common: Facts,
    economies: Mapping[str, Economy],
    own_economy: Sequence[Fact],
    rules: Sequence[PlacedRule],
    other_nationalities: Iterable[str],
) -> Iterator[Problem]:
    """Yield every contradiction of a scheme, the most basic first."""
    nationalities = {*economies, *other_nationalities}
    yield from _overlapping_facts("common", common)
    yield from _overlaps("own_economy", own_economy)
    for code, economy in economies.items():
        yield from _overlapping_facts(f"economy.{code}", economy)
        if economy.code != code:
            yield f"economy.{code}.code", "differs from the name of its table"
    yield from _shared_values(economies, "name")
    yield from _shared_values(economies, "issuer_url")
    for placed in rules:
        yield from _unknown_codes(placed, economies, nationalities)
        yield from _own_pair(placed)
    yield from _ties(rules)
    yield from _repeated_rules(rules)
    yield from _transitional_approvals(economies, rules)


def _overlaps(path: str, rows: Sequence[Fact]) -> Iterator[Problem]:
    for i, j in find_overlaps(rows):
        yield f"{path}[{j}]", f"overlaps {path}[{i}]"


def _overlapping_facts(path: str, facts: Facts) -> Iterator[Problem]:
    dated = [*Facts.model_fields]
    if isinstance(facts, Economy):
        dated.append("membership")
    for key in dated:
        yield from _overlaps(f"{path}.{key}", getattr(facts, key))


def _shared_values(economies: Mapping[str, Economy], key: str) -> Iterator[Problem]:
    for first, second in combinations(economies.values(), 2):
        if getattr(first, key) == getattr(second, key):
            yield f"economy.{second.code}.{key}", f"is that of {first.code} already"


def _unknown_codes(
    placed: PlacedRule, economies: Mapping[str, Economy], nationalities: set[str]
) -> Iterator[Problem]:
    issuer, nationality, destination = placed.keys
    if issuer and issuer not in economies:
        yield f"{placed.path}.issuer", f"{issuer} is no economy of this scheme"
    if destination and destination not in economies:
        yield (
            f"{placed.path}.destination",
            (f"{destination} is no economy of this scheme"),
        )
    if nationality and (code := nationality.removeprefix("!")) not in nationalities:
        yield (
            f"{placed.path}.nationality",
            (f"{code} is neither an economy nor in other_nationalities"),
        )


def _own_pair(placed: PlacedRule) -> Iterator[Problem]:
    issuer, _, destination = placed.keys
    effect = placed.rule.effect
    if issuer and issuer == destination and effect != "not_required":
        yield f"{placed.path}.effect", f"{effect} is impossible of {issuer} with itself"


def _ties(rules: Sequence[PlacedRule]) -> Iterator[Problem]:
    """Two rules of one rank that differ; a stronger third is no way out.

    Source: specification, section 7.1.
    """
    for first, second in combinations(rules, 2):
        effects = first.rule.effect, second.rule.effect
        differ = first.rank == second.rank and effects[0] != effects[1]
        if differ and first.meets(second):
            yield second.path, f"ties with {first.path}: {' or '.join(effects)}"


def _transitional_approvals(
    economies: Mapping[str, Economy], rules: Sequence[PlacedRule]
) -> Iterator[Problem]:
    for at in _turning_points(economies, rules):
        current = rules_at(rules, at)
        transitional = _transitional_at(economies, at)
        for pair in _sample_pairs(economies, current, transitional):
            best = winners(current, pair)
            yield from _transitional_approval(best, pair, transitional)


def _turning_points(
    economies: Mapping[str, Economy], rules: Sequence[PlacedRule]
) -> list[datetime]:
    """Moments such that between two of them no rule or membership changes."""
    memberships = chain.from_iterable(e.membership for e in economies.values())
    rows: list[Fact] = [*memberships, *(placed.rule for placed in rules)]
    edges = {edge for row in rows for edge in (row.starts_at, row.ends_at) if edge}
    return sorted({_START, *edges})


def _transitional_at(economies: Mapping[str, Economy], at: datetime) -> set[str]:
    return {
        code
        for code, economy in economies.items()
        if (row := in_force(economy.membership, at)) and row.value == "transitional"
    }


def _sample_pairs(
    economies: Mapping[str, Economy], rules: Sequence[PlacedRule], special: set[str]
) -> Iterator[Pair]:
    """Every pair that rules can tell apart: each code named, and one that is not."""
    keys = [placed.keys for placed in rules]
    issuers = _with_another({issuer for issuer, _, _ in keys} | special, economies)
    destinations = _with_another({place for _, _, place in keys} | special, economies)
    named = {nationality for _, nationality, _ in keys if nationality}
    nationalities = {code.removeprefix("!") for code in named} | {_ANY_OTHER}
    for issuer, nationality, destination in product(
        issuers, sorted(nationalities), destinations
    ):
        yield Pair(issuer=issuer, nationality=nationality, destination=destination)


def _with_another(
    named: set[str | None], economies: Mapping[str, Economy]
) -> list[str]:
    unnamed = sorted(economies.keys() - named)
    return sorted(economies.keys() & named) + unnamed[:1]


def _transitional_approval(
    best: Sequence[PlacedRule], pair: Pair, transitional: set[str]
) -> Iterator[Problem]:
    codes = transitional & {pair.issuer, pair.destination}
    if codes and all(placed.rule.effect == "normal" for placed in best):
        code = min(codes)
        yield (
            best[0].path if best else f"economy.{code}.membership",
            f"{code} is transitional and can have no pre-clearance, "
            f"yet {_described(pair)} would be normal",
        )


def _described(pair: Pair) -> str:
    nationality = pair.nationality or "any other"
    return f"({pair.issuer}, {nationality}, {pair.destination})"


def _repeated_rules(rules: Sequence[PlacedRule]) -> Iterator[Problem]:
    for first, second in combinations(rules, 2):
        if first.keys == second.keys and first.rule.overlaps(second.rule):
            yield second.path, f"overlaps {first.path}"
