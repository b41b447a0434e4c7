"""Cards for the tests of `issuer.plastic`: good by default, one change per test."""

import io
import math
from datetime import date
from functools import cache
from typing import Any

from PIL import Image, ImageDraw

from issuer.plastic import (
    Design,
    DesignRegistry,
    PlasticCard,
    Press,
    gather,
    prepare_portrait,
    prepare_signature,
)
from issuer.profile import CardData
from tests.simulator import NOW, SCHEME, World

WORLD = World()
NINETEEN = tuple(
    code for code in SCHEME.economies if SCHEME.membership(code, NOW) == "full"
)
LONGEST: dict[str, Any] = {
    "family_name": "M" * 39,
    "given_name": "W" * 39,
    "nationality": "GBR",
    "document_number": "W" * 22,
    "passport": {"country": "GBR", "number": "W" * 22},
}
"""Claims of the card that needs most room."""


def photo(size: tuple[int, int] = (700, 900), form: str = "JPEG", **how: Any) -> bytes:
    """A file with something like a face, lighter on the left."""
    width, height = size
    picture = Image.linear_gradient("L").rotate(90).resize(size).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width * 0.3, height * 0.2, width * 0.7, height * 0.6), "#d9a982")
    return file_of(picture, form, **how)


def file_of(picture: Image.Image, form: str = "PNG", **how: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **how)
    return file.getvalue()


def scribble(paper: int = 250, ink: int = 20) -> bytes:
    """A file with a line like that of a pen."""
    picture = Image.new("L", (900, 300), paper)
    points = [
        (60 + step * 7, 150 + 80 * math.sin(step / 5) * math.cos(step / 23))
        for step in range(110)
    ]
    ImageDraw.Draw(picture).line(points, fill=ink, width=9, joint="curve")
    return file_of(picture)


@cache
def portrait() -> bytes:
    return prepare_portrait(photo())


@cache
def signature() -> bytes:
    return prepare_signature(scribble())


@cache
def registry() -> DesignRegistry:
    return DesignRegistry.load()


@cache
def press(design_id: str = "plain-2026") -> Press:
    return Press(registry().get(design_id))


def data_of(claims: dict[str, Any], issuer: str) -> CardData:
    """What was signed, from its claims."""
    return CardData(
        issuer=issuer,
        document_number=claims["document_number"],
        family_name=claims["family_name"],
        given_name=claims["given_name"],
        birthdate=date.fromisoformat(claims["birthdate"]),
        nationality=claims["nationality"],
        passport_country=claims["passport"]["country"],
        passport_number=claims["passport"]["number"],
        passport_expires_on=date(2040, 1, 1),
        form=claims["form"],
        economies=tuple(claims["economies"]),
    )


def plastic(
    issuer: str = "NZL",
    *,
    design: Design | None = None,
    how: dict[str, Any] | None = None,
    **claims: Any,
) -> PlasticCard:
    """A gathered card; ``how`` changes arguments of `gather`."""
    data = data_of({**WORLD.claims(issuer, "physical"), **claims}, issuer)
    known: dict[str, Any] = {
        "qr_text": WORLD.show(WORLD.card(issuer, "physical", **claims)),
        "sex": "F",
        "portrait": portrait(),
        "signature": signature(),
        "scheme": SCHEME,
        "design": design or registry().in_force(issuer, NOW),
        "at": NOW,
    }
    return gather(data, **{**known, **(how or {})})
