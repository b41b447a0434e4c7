"""One sentence for an airline: is the card an entry basis at a destination, on a day?

python -m examples.airline_desk --store DIR --economy JPN --zone Asia/Tokyo
    --name Japan --on 2030-01-18 < what the readers have read
"""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

import verifier
from examples import embedding as desk


def main(
    arguments: Sequence[str] | None = None,
    stream: TextIO | None = None,
    clock: desk.Clock = datetime.now,
) -> int:
    """Print the sentence and what goes with it; why is for the log alone."""
    device = desk.set_up("airline_desk", arguments, trip=True)
    now, notes = clock(device.zone), ""
    answer = verifier.BasisAnswer.NO_ANSWER
    try:
        code, passport = desk.code_and_passport(desk.lines_of(stream))
        found = verifier.entry_basis(
            code,
            trust=device.store.load(),
            policy=device.policy,
            expected_passport=passport,
            arrival=device.given.on,
            now=now,
        )
        answer, notes = found.answer, desk.trip_notes(found)
        why = found.reason or "not one code, or a day without an answer"
    except (verifier.MrzError, verifier.TrustError) as error:
        why = str(error)
    print(f"{answer.sentence(device.given.name)}\n{notes}{desk.signature(now)}")
    print(why, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
