"""Plastic cards: what is printed for people and machines, and how it gets to a bureau.

Pure functions over data.  `DesignRegistry` says which design is in force, `gather`
puts together what one card shows and checks it against what was signed, `Press` draws
it, and `write_batch` makes the archive for a personalisation bureau, which `read_batch`
checks.  `prepare_portrait` and `prepare_signature` take uploaded pictures.

No design that comes with the package is, or resembles, an economy's official one, and
none has security features: those are the bureau's and stay secret.
"""

from issuer.plastic.batch import Batch, BatchIndex, Written, read_batch, write_batch
from issuer.plastic.card import MrzCode, PlasticCard, gather
from issuer.plastic.codes import qr_image, qr_version
from issuer.plastic.design import Design
from issuer.plastic.mrz import Lines, Sex, td1_lines
from issuer.plastic.portrait import prepare_portrait, prepare_signature
from issuer.plastic.press import Press, Printed
from issuer.plastic.registry import DesignRegistry

__all__ = [
    "Batch",
    "BatchIndex",
    "Design",
    "DesignRegistry",
    "Lines",
    "MrzCode",
    "PlasticCard",
    "Press",
    "Printed",
    "Sex",
    "Written",
    "gather",
    "prepare_portrait",
    "prepare_signature",
    "qr_image",
    "qr_version",
    "read_batch",
    "td1_lines",
    "write_batch",
]
