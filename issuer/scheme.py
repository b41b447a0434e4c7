"""The scheme: its economies, and every dated fact and rule about them."""

import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from issuer._scheme_checks import find_problems
from issuer.dated import MAX_ROWS, Fact, Model, Rows, Valued, in_force, require_aware
from issuer.economy import Economy, Facts, Form, Membership, Stay
from issuer.errors import SchemeError
from issuer.pairs import (
    Code,
    Pair,
    PairEffect,
    PairRule,
    PlacedRule,
    rules_at,
    winners,
)

_FORMS: Mapping[str, frozenset[Form]] = MappingProxyType(
    {
        "physical": frozenset({"physical"}),
        "app": frozenset({"app"}),
        "dual": frozenset({"app", "physical"}),
    }
)

_MAX_KNOWN: Final = 4096
"""Issuers and nationalities of which `Scheme.destinations` keeps the answer."""

_REASONS = MappingProxyType(
    {
        "missing": "is missing",
        "extra_forbidden": "is no known key",
        "timezone_aware": "must carry a UTC offset",
    }
)
"""Plainer words for what pydantic reports most."""


def _sorted_view(economies: Mapping[str, Economy]) -> Mapping[str, Economy]:
    return MappingProxyType(dict(sorted(economies.items())))


class Scheme(Model):
    """The whole scheme, loaded and free of contradictions.

    Every lookup takes the moment asked about and raises ``ValueError`` where it is
    naive or a code names no economy of the scheme.  ``None`` means not known.

    ``common`` holds what the economies share; each economy in ``economies``, sorted
    by code, already has it.
    """

    common: Facts = Facts()
    economies: Annotated[
        Mapping[Code, Economy],
        Field(alias="economy", min_length=1, max_length=MAX_ROWS),
        AfterValidator(_sorted_view),
    ]
    other_nationalities: Rows[Code] = ()
    pair_rules: Rows[PairRule] = ()
    own_economy: Rows[Valued[Literal["not_required"]]] = ()

    @classmethod
    def load(cls, path: Path | None = None) -> "Scheme":
        """Read a scheme file, by default the one that comes with the package.

        Args:
            path: A TOML file in UTF-8, in the form that ``scheme.toml`` explains
                at its head.

        Raises:
            SchemeError: The file cannot be read, is not TOML, has an unknown,
                missing or malformed key, or contradicts itself.

        Not checked: that any fact is true or still current; see its mark.
        """
        if path is None:
            return _packaged()
        try:
            text = path.read_text("utf-8")
        except (OSError, ValueError) as error:  # not there, not UTF-8, no path at all
            raise SchemeError(file=str(path), path="", reason=str(error)) from error
        return cls.from_toml(text, file=str(path))

    @staticmethod
    def packaged_text() -> str:
        """Return the scheme file that comes with the package."""
        return resources.files("issuer").joinpath("scheme.toml").read_text("utf-8")

    @classmethod
    def from_toml(cls, text: str, *, file: str = "scheme.toml") -> Self:
        """Read a scheme from the text of a file; ``file`` names it in messages.

        Raises:
            SchemeError: As for ``load``.
        """
        data = _parse_toml(text, file)
        try:
            return cls.model_validate(data, context=file)
        except ValidationError as error:
            raise _scheme_error(file, error) from error

    @model_validator(mode="before")
    @classmethod
    def _spread_common(cls, data: dict[str, Any]) -> dict[str, Any]:
        common, tables = data.get("common", {}), data.get("economy")
        if not isinstance(common, dict) or not isinstance(tables, dict):
            return data
        spread = {
            code: {"code": code, **common, **table}
            if isinstance(table, dict)
            else table
            for code, table in tables.items()
        }
        return {**data, "economy": spread}

    @model_validator(mode="after")
    def _hold_together(self, info: ValidationInfo) -> Self:
        for path, reason in find_problems(
            common=self.common,
            economies=self.economies,
            own_economy=self.own_economy,
            rules=self._rules,
            other_nationalities=self.other_nationalities,
        ):
            raise SchemeError(file=info.context or "", path=path, reason=reason)
        return self

    @cached_property
    def _rules(self) -> tuple[PlacedRule, ...]:
        own = [
            PlacedRule(path=f"pair_rules[{i}]", rule=rule, destination=rule.destination)
            for i, rule in enumerate(self.pair_rules)
        ]
        theirs = [
            PlacedRule(
                path=f"economy.{code}.exclusions[{i}]", rule=rule, destination=code
            )
            for code, economy in self.economies.items()
            for i, rule in enumerate(economy.exclusions)
        ]
        return (*own, *theirs)

    def economy(self, code: str) -> Economy:
        """Return one economy by its alpha-3 code.

        Its dated keys are tuples of rows; ``issuer.dated.in_force`` picks the row
        of a moment for those without a lookup of their own here.

        Raises:
            ValueError: ``code`` is no economy of the scheme.
        """
        try:
            return self.economies[code]
        except KeyError as error:
            raise ValueError(f"{code!r} is no economy of this scheme") from error

    def membership(self, code: str, at: datetime) -> Membership | None:
        """Tell whether an economy is a full or a transitional member."""
        row = in_force(self.economy(code).membership, at)
        return row.value if row else None

    def issuance_mode(self, code: str, at: datetime) -> frozenset[Form] | None:
        """Return the forms an economy is known to issue; never an empty set."""
        row = in_force(self.economy(code).issues_forms, at)
        return _FORMS[row.value] if row else None

    def accepts_form(self, code: str, form: Form, at: datetime) -> bool | None:
        """Tell whether a destination takes cards of a form; ``None`` is no "no"."""
        row = in_force(self.economy(code).accepts_form, at, subject=form)
        return row.value if row else None

    def max_stay(self, code: str, at: datetime) -> Stay | None:
        """Return the longest stay after one entry, with its mark and source."""
        return in_force(self.economy(code).max_stay, at)

    def card_term(self, code: str, at: datetime) -> int | None:
        """Return the term, in years, of a card that was applied for at ``at``.

        Not counted: the end of the passport, which can end the card earlier.

        Source: HK Immigration.
        """
        row = in_force(self.economy(code).card_term_years, at)
        return row.value if row else None

    def pair_effect(
        self, *, issuer: str, nationality: str, destination: str, at: datetime
    ) -> PairEffect:
        """Tell what issuer, nationality and destination decide by themselves.

        The rule in force that names most of the three wins.  Only where none
        matches, an economy needs no pre-clearance of its own cards and nationals.
        Anything else is ``normal``.

        Args:
            issuer: Economy of the card.
            nationality: Nationality in the linked passport, alpha-3; any is
                allowed, as a card's holder need not be an economy's national.
            destination: Economy where the card is shown.
            at: The moment of showing; timezone-aware.

        Raises:
            ValueError: ``at`` is naive, or ``issuer`` or ``destination`` is no
                economy of the scheme.

        Not checked: that the destination takes this form, or pre-cleared the card.
        """
        return self.pair_ruling(
            issuer=issuer, nationality=nationality, destination=destination, at=at
        )[0]

    def pair_ruling(
        self, *, issuer: str, nationality: str, destination: str, at: datetime
    ) -> tuple[PairEffect, Fact | None]:
        """Return what `pair_effect` does, and the row that says so; None: no row does.

        Raises:
            ValueError: As for `pair_effect`.
        """
        at = require_aware(at)
        pair = Pair(
            issuer=self.economy(issuer).code,
            nationality=nationality,
            destination=self.economy(destination).code,
        )
        best = winners(rules_at(self._rules, at), pair)
        if best:
            return best[0].rule.effect, best[0].rule
        own = in_force(self.own_economy, at)
        if own and destination in (issuer, nationality):
            return own.value, own
        return "normal", None

    def destinations(
        self, issuer: str, nationality: str, at: datetime
    ) -> tuple[str, ...]:
        """List the economies, by code, that can be asked to pre-clear a card.

        They are the full members, other than the issuer, for which the pair is
        ``normal``; an issuer that is no full member has none.

        Raises:
            ValueError: ``at`` is naive or ``issuer`` is no economy of the scheme.
        """
        at = require_aware(at)
        case = (self.economy(issuer).code, nationality, bisect_right(self._turns, at))
        known = self._known_destinations.get(case)
        if known is None:
            known = self._find_destinations(issuer, nationality, at)
            if len(self._known_destinations) >= _MAX_KNOWN:
                self._known_destinations.clear()
            self._known_destinations[case] = known
        return known

    @cached_property
    def _turns(self) -> list[datetime]:
        """The moments, ascending, at which the answer of `destinations` may change."""
        facts: list[Fact] = [placed.rule for placed in self._rules]
        facts += self.own_economy
        for economy in self.economies.values():
            facts += economy.membership
        sides = {side for fact in facts for side in (fact.starts_at, fact.ends_at)}
        return sorted(side for side in sides if side)

    @cached_property
    def _known_destinations(self) -> dict[tuple[str, str, int], tuple[str, ...]]:
        """Answers by issuer, nationality and the number of turns before the moment."""
        return {}

    def _find_destinations(
        self, issuer: str, nationality: str, at: datetime
    ) -> tuple[str, ...]:
        if self.membership(issuer, at) != "full":
            return ()
        return tuple(
            code
            for code in self.economies
            if code != issuer
            and self.membership(code, at) == "full"
            and self.pair_effect(
                issuer=issuer, nationality=nationality, destination=code, at=at
            )
            == "normal"
        )


@cache
def _packaged() -> Scheme:
    return Scheme.from_toml(Scheme.packaged_text())


def _parse_toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except RecursionError as error:
        raise SchemeError(file=file, path="", reason="is nested too deep") from error
    except InvalidOperation as error:
        raise SchemeError(
            file=file, path="", reason="has too large a number"
        ) from error
    except ValueError as error:  # no TOML, or an integer of thousands of digits
        raise SchemeError(file=file, path="", reason=str(error)) from error


def _scheme_error(file: str, error: ValidationError) -> SchemeError:
    first = error.errors(include_url=False)[0]
    reason = _REASONS.get(first["type"], first["msg"].removeprefix("Value error, "))
    return SchemeError(file=file, path=_key_path(first["loc"]), reason=reason)


def _key_path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":
            path += f".{part}"
    return path.removeprefix(".")
