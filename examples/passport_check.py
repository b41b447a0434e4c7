"""Ask three economies about their passports through a broker; one of them is down.

    python -m examples.passport_check

Singapore and New Zealand keep registers of their passports, Japan's back office does
not answer this morning.  An officer of New Zealand asks about passports of all three.
"""

import sys
import tempfile
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import Final

from examples.passport_ground import Economy, found, free_port, serving

_REGISTERS: Final = {
    "SGP": "number,state,birthdate,expires_on\n"
    "E1234567K,valid,1984-08-12,2035-04-15\n"
    "E7654321B,stolen,1990-01-31,2033-10-01\n",
    "NZL": "number,state,birthdate,expires_on\nLA123456,valid,1979-03-02,2034-06-30\n",
    "JPN": "number,state\nTR1234567,valid\n",
}
_QUESTIONS: Final = (
    ("a passport in order", "SGP", "E1234567K", "1984-08-12"),
    ("the same, with another birth date", "SGP", "E1234567K", "1984-08-13"),
    ("one that was never issued", "SGP", "E0000000A", None),
    ("one that was reported stolen", "SGP", "E7654321B", "1990-01-31"),
    ("one of the economy that is down", "JPN", "TR1234567", None),
    ("one of nobody who takes part", "AUS", "PA1234567", None),
    ("one of its own", "NZL", "LA123456", "1979-03-02"),
)


def main() -> int:
    """Run it; print what an officer of New Zealand is told."""
    with tempfile.TemporaryDirectory() as name:
        folder, broker = Path(name), free_port()
        economies = {
            each.code: each
            for each in found(folder, ["SGP", "NZL", "JPN"], broker=broker)
        }
        for each in economies.values():
            put(each, folder, _REGISTERS[each.code])
        up = [economies["SGP"], economies["NZL"]]
        with serving(up, folder, broker=broker, known=[*economies.values()]):
            _ask(economies["NZL"])
            _ask_all(economies["NZL"])
            _follow_up(economies["SGP"], economies["NZL"])
        for each in economies.values():
            each.office.store.close()
    return 0


def put(economy: Economy, folder: Path, sheet: str) -> None:
    """Put an economy's passports into its register."""
    path = folder / f"{economy.code}.csv"
    path.write_text(sheet, "utf-8")
    content = b64encode(path.read_bytes()).decode()
    economy.does("import.start", kind="passports", content=content)


def _ask(officer: Economy) -> None:
    for words, country, number, birthdate in _QUESTIONS:
        given = {"country": country, "number": number, "birthdate": birthdate}
        told = officer.does("passport.check", **given)
        more = f", call {told.contact}" if told.contact else ""
        why = f" ({told.no_answer})" if told.no_answer else ""
        print(f"{words:>34} | {told.status}{why}{more}")


def _ask_all(officer: Economy) -> None:
    """A whole flight: each owner gets one question about all of its passports."""
    flight = [
        {"country": country, "number": number, "birthdate": birthdate}
        for words, country, number, birthdate in _QUESTIONS
        if "stolen" not in words
    ]
    told = officer.does("passport.check_list", passports=flight * 60).answers
    counted = Counter(each.status for each in told)
    words = ", ".join(f"{count} {status}" for status, count in counted.most_common())
    print(f"{f'{len(told)} passports at once':>34} | {words}")


def _follow_up(owner: Economy, asker: Economy) -> None:
    (mine,) = owner.does("passport.hits").hits
    (theirs,) = asker.does("passport.hits").hits
    print(f"{'in the queue of the owner':>34} | {mine.number}, met by {mine.other}")
    print(f"{'in the queue of who asked':>34} | {theirs.state} of {theirs.other}")
    same = "the same" if mine.reference == theirs.reference else "another"
    print(f"{'the reference at both ends':>34} | {same}")
    for each, hit in ((owner, mine), (asker, theirs)):
        each.does("passport.close_hit", hit=hit.hit, outcome="Handed over.")


if __name__ == "__main__":
    sys.exit(main())
