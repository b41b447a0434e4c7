"""Invented travellers: the same number always gives the same person."""

import random  # noqa: TID251  # reproducible fiction; nothing secret comes from it
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources

import verifier
from issuer.store import Sex


@dataclass(frozen=True, slots=True, kw_only=True)
class Traveller:
    """An invented person with a passport."""

    family_name: str
    given_name: str
    machine_family_name: str
    machine_given_name: str
    birthdate: date
    sex: Sex
    nationality: str
    passport_number: str
    passport_issued_on: date
    passport_expires_on: date


def chance(seed: int, economy: str, number: int) -> random.Random:
    """Return what decides a traveller's life: the same for the same three."""
    return random.Random(f"{seed}:{economy}:{number}")  # noqa: S311  # fiction


def invent(economy: str, number: int, dice: random.Random, *, today: date) -> Traveller:
    """Invent a traveller who applies to an economy.

    Args:
        economy: Alpha-3 code.
        number: From 0 up to 99,999,999; nobody else there has this passport.
        dice: From `chance`.
        today: The passport is good for at least two years from then.
    """
    names = _names().get(economy, _names()["other"])
    family = dice.choice(names["family"].split("|"))
    given = dice.choice(names["given"].split("|"))
    issued = today - timedelta(days=dice.randrange(30, 365 * 7))
    return Traveller(
        family_name=family,
        given_name=given,
        machine_family_name=verifier.transliterate(family),
        machine_given_name=verifier.transliterate(given),
        birthdate=date(1950, 1, 1) + timedelta(days=dice.randrange(365 * 53)),
        sex=dice.choice((Sex.FEMALE, Sex.MALE)),
        nationality=_nationality(economy, dice),
        passport_number=f"{chr(65 + number % 26)}{number:08d}",
        passport_issued_on=issued,
        passport_expires_on=issued.replace(
            year=issued.year + 10, day=min(issued.day, 28)
        ),
    )


@cache
def _names() -> dict[str, dict[str, str]]:
    file = resources.files("issuer.demo").joinpath("names.toml")
    return tomllib.loads(file.read_text("utf-8"))


def _nationality(economy: str, dice: random.Random) -> str:
    # Hong Kong, China issues to its permanent residents of any nationality.
    if economy == "HKG":
        return dice.choice(("CHN", "CHN", "CHN", "AUS", "CAN"))
    return economy
