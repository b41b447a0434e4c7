"""Reading passports' chips: whether a state has signed what was read.

    anchors = load_anchors(Path("csca"), now=now)
    chip = Chip(sod=..., dg1=..., dg2=...)
    match authenticate(chip, anchors=anchors, expected=typed, now=now):
        case Proved(country, number):
            ...
        case Refused(code):
            ...

The reader that talks to the chip is not here: it hands over three files.
"""

from issuer.epassport.anchors import STATES, Anchors, load_anchors
from issuer.epassport.authentication import (
    MAX_DG1,
    MAX_DG2,
    MAX_SOD,
    Chip,
    Typed,
    authenticate,
)
from issuer.epassport.results import ChipRefusal, Proved, Refused

__all__ = [
    "MAX_DG1",
    "MAX_DG2",
    "MAX_SOD",
    "STATES",
    "Anchors",
    "Chip",
    "ChipRefusal",
    "Proved",
    "Refused",
    "Typed",
    "authenticate",
    "load_anchors",
]
