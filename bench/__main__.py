"""Run the benchmarks: ``python -m bench [--quick] [SECTION]``; see ``--help``."""

import argparse
import time

from bench import issuing, publishing, scan, signing, size, updates, verification

_SECTIONS = {
    "verify": verification.run,
    "size": size.run,
    "scan": scan.run,
    "updates": updates.run,
    "issuing": issuing.run,
    "signing": signing.run,
    "publishing": publishing.run,
}


def main() -> None:
    """Run the sections asked for, or all."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("section", nargs="?", choices=_SECTIONS)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and points")
    chosen = parser.parse_args()
    for name, run in _SECTIONS.items():
        if chosen.section in {None, name}:
            started = time.perf_counter()
            run(is_quick=chosen.quick)
            print(f"  {name}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
