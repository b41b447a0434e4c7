"""Run the benchmarks: ``python -m bench [--quick] [SECTION]``; see ``--help``."""

import argparse
import time
from functools import partial

from bench import (
    camera,
    carriers,
    console,
    embedding,
    issuing,
    load,
    office,
    passport_check,
    publishing,
    reported,
    scale,
    scan,
    services,
    signing,
    size,
    updates,
    verification,
    wallet,
)

_SECTIONS = {
    "verify": verification.run,
    "size": size.run,
    "scan": scan.run,
    "camera": camera.run,
    "updates": updates.run,
    "reported": reported.run,
    "embedding": embedding.run,
    "console": console.run,
    "issuing": issuing.run,
    "signing": signing.run,
    "office": office.run,
    "publishing": publishing.run,
    "scale": scale.run,
    "load": load.run,
    "wallet": wallet.run,
    "services": services.run,
    "passports": passport_check.run,
    "carriers": carriers.run,
}


def main() -> None:
    """Run the sections asked for, or all."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("section", nargs="?", choices=_SECTIONS)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and points")
    parser.add_argument(
        "--travellers",
        type=int,
        metavar="N",
        help="how many the back office knows; 528000 have half a million cards",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="N",
        help="how long programs issue cards at an office; 5 for the bar",
    )
    chosen = parser.parse_args()
    for section in (office, scale):
        name = section.__name__.rpartition(".")[2]
        _SECTIONS[name] = partial(section.run, travellers=chosen.travellers)
    _SECTIONS["load"] = partial(load.run, minutes=chosen.minutes)
    for name, run in _SECTIONS.items():
        if chosen.section in {None, name}:
            started = time.perf_counter()
            run(is_quick=chosen.quick)
            print(f"  {name}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
