"""One sentence for an airline: is the card an entry basis at a destination, on a day?

python -m examples.airline_desk --store DIR --economy JPN --zone Asia/Tokyo
    --name Japan --on 2030-01-18 < what the readers have read
"""

import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TextIO

import verifier
from examples import embedding as desk

NO = "ABTC does not give an entry basis for {}: check visa as usual."
YES = "ABTC gives an entry basis for {} for this passport."
NO_ANSWER = "No answer: use the normal document check."
SENTENCES = {desk.GREEN: YES, desk.BLUE: NO, desk.RED: NO}


def main(
    arguments: Sequence[str] | None = None,
    stream: TextIO | None = None,
    clock: desk.Clock = datetime.now,
) -> int:
    """Print the sentence and what goes with it; why is for the log alone."""
    device = desk.set_up("airline_desk", arguments, trip=True)
    now, line, notes = clock(device.zone), NO_ANSWER, ""
    why = "not one code (nothing is looked up by a passport), or the day is over"
    try:
        code, passport = desk.code_and_passport(desk.lines_of(stream))
        if code and device.given.on >= now.date():
            decision = decide(code, passport, device, now)
            line = SENTENCES.get(desk.look_of(decision), NO_ANSWER)
            notes, why = desk.trip_notes(decision), desk.reason_of(decision)
    except (verifier.MrzError, verifier.TrustError) as error:
        why = str(error)
    print(f"{line.format(device.given.name)}\n{notes}{desk.signature(now)}")
    print(why, file=sys.stderr)
    return 0


def decide(
    code: str, passport: verifier.Passport | None, device: desk.Device, now: datetime
) -> verifier.Decision:
    """Decide as of now and, if the card is good, as of the evening of the arrival."""
    judge = partial(
        verifier.verify, code, trust=device.store.load(), expected_passport=passport,
        expected_challenge=None,
    )  # fmt: skip
    first = judge(policy=device.policy, now=now)
    later, arrival = desk.on_arrival(device, now)
    is_good = isinstance(first, verifier.Accepted)
    return judge(policy=later, now=arrival) if is_good else first


if __name__ == "__main__":
    sys.exit(main())
