"""Plastic cards: what is printed for people and machines, and how it gets to a bureau.

Pure functions over data.  `DesignRegistry` says which design is in force, `gather`
puts together what one card shows and checks it against what was signed, `Press` draws
it.  `prepare_portrait` and `prepare_signature` take uploaded pictures.

No design that comes with the package is, or resembles, an economy's official one, and
none has security features: those are the bureau's and stay secret.
"""

from issuer.plastic.card import MrzCode, PlasticCard, gather
from issuer.plastic.codes import qr_image, qr_version
from issuer.plastic.design import Design
from issuer.plastic.mrz import Lines, Sex, td1_lines
from issuer.plastic.portrait import prepare_portrait, prepare_signature
from issuer.plastic.press import Press, Printed
from issuer.plastic.registry import DesignRegistry

__all__ = [
    "Design",
    "DesignRegistry",
    "Lines",
    "MrzCode",
    "PlasticCard",
    "Press",
    "Printed",
    "Sex",
    "gather",
    "prepare_portrait",
    "prepare_signature",
    "qr_image",
    "qr_version",
    "td1_lines",
]
