"""Tell whether a state has signed what was read from a passport's chip.

    python -m examples.epassport --anchors csca sod.bin dg1.bin dg2.bin [COUNTRY:NUMBER]

Exit status 0: proved, and of the passport named if one was; 1: not; 64: bad usage.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from issuer.epassport import Chip, Proved, Refused, authenticate, load_anchors
from issuer.errors import SettingsError
from verifier import Passport

_USAGE = 64


def main(arguments: Sequence[str], *, now: datetime) -> int:
    """Read three files and print one line; return the exit status."""
    given = _parser().parse_args(arguments)
    try:
        anchors = load_anchors(given.anchors, now=now)
        chip = Chip(
            sod=given.sod.read_bytes(),
            dg1=given.dg1.read_bytes(),
            dg2=given.dg2.read_bytes(),
        )
        wanted = Passport.parse(given.passport) if given.passport else None
    except (OSError, SettingsError, ValueError) as error:
        print(f"epassport: {error}", file=sys.stderr)
        return _USAGE
    match authenticate(chip, anchors=anchors, expected=None, now=now):
        case Proved(country, number) if wanted and (country, number) != (
            wanted.country,
            wanted.number,
        ):
            print("REFUSED  a genuine chip of another passport")
            return 1
        case Proved(country, number, expires_on):
            print(f"PROVED   {country} {number}, good until {expires_on}")
            return 0
        case Refused(code, detail):
            print(f"REFUSED  {code}{f' ({detail})' if detail else ''}")
            return 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(_USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="epassport", description=__doc__)
    parser.add_argument("--anchors", type=Path, required=True, metavar="FOLDER")
    for name in ("sod", "dg1", "dg2"):
        parser.add_argument(name, type=Path)
    parser.add_argument("passport", nargs="?", metavar="COUNTRY:NUMBER")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], now=datetime.now(UTC)))
