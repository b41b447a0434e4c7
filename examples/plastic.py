"""The plastic cards of the demonstration, with a silhouette for a portrait."""

import io
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from PIL import Image, ImageDraw

import verifier
from examples.stage import Holder
from issuer.issuance import Credential
from issuer.plastic import (
    Design,
    DesignRegistry,
    PlasticCard,
    Press,
    gather,
    prepare_portrait,
)
from issuer.plastic.sheet import Sheet
from issuer.profile import CardData
from issuer.scheme import Scheme

_PORTRAIT: Final = (700, 900)
_CORNER: Final = 75
"""Pixels at 600 dpi of the radius of a card's corners, 3.18 mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """A card as it comes from the bureau, on a white ground."""

    front: Image.Image
    reverse: Image.Image


def print_card(
    holder: Holder, credential: Credential, *, scheme: Scheme, at: datetime
) -> Sides:
    """Print a card after the design in force at ``at``."""
    design = _registry().in_force(holder.issuer, at)
    card = _gather(holder, credential, scheme, design, at)
    press = _press(design.id)
    return Sides(
        front=_cut(press.front(card)),
        reverse=_cut(press.reverse(card)),
    )


def _gather(
    holder: Holder,
    credential: Credential,
    scheme: Scheme,
    design: Design,
    at: datetime,
) -> PlasticCard:
    return gather(
        CardData(
            issuer=holder.issuer,
            document_number=credential.document_number,
            family_name=holder.family_name,
            given_name=holder.given_name,
            birthdate=holder.birthdate,
            nationality=holder.nationality,
            passport_country=holder.passport_country,
            passport_number=holder.passport_number,
            passport_expires_on=holder.passport_expires_on,
            form="physical",
            economies=holder.economies,
        ),
        qr_text=verifier.pack(credential.text),
        sex=holder.sex,
        portrait=_silhouette(),
        signature=None,
        scheme=scheme,
        design=design,
        at=at,
    )


@cache
def _registry() -> DesignRegistry:
    return DesignRegistry.load()


@cache
def _press(design_id: str) -> Press:
    return Press(_registry().get(design_id))


@cache
def _silhouette() -> bytes:
    """Draw nobody in particular."""
    sheet = Sheet(_PORTRAIT, "#E6EEF0")
    width, height = _PORTRAIT

    def draw(mask: ImageDraw.ImageDraw, scale: int) -> None:
        for left, top, right, bottom in (
            (0.29, 0.17, 0.71, 0.60),
            (0.08, 0.68, 0.92, 1.50),
        ):
            box = (left * width, top * height, right * width, bottom * height)
            mask.ellipse([edge * scale for edge in box], fill=255)

    sheet.shape((0, 0, width, height), "#9DB2BA", draw)
    file = io.BytesIO()
    sheet.image.save(file, "PNG")
    return prepare_portrait(file.getvalue())


def _cut(side: Image.Image) -> Image.Image:
    """Cut the corners round, and mark the edge on the white ground."""
    width, height = side.size
    cut = Sheet(side.size, "#FFFFFF")
    cut.panel((0, 0, width, height), "#B9C6CB", radius=_CORNER)
    inner = Sheet(side.size, "#000000")
    inner.panel((3, 3, width - 3, height - 3), "#FFFFFF", radius=_CORNER - 3)
    cut.image.paste(side, (0, 0), inner.image.convert("L"))
    return cut.image
