"""An unstaffed gate: its readers on standard input; gate, traveller and officer told.

    python -m examples.egate --store DIR --economy SGP --zone Asia/Singapore

A line for each traveller, parted by tabs: the passport's lines, one after another;
``same`` if the gate's own camera found the passport's face; and the code.
"""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

import verifier
from examples import embedding


def main(
    arguments: Sequence[str] | None = None,
    stream: TextIO | None = None,
    clock: embedding.Clock = datetime.now,
) -> int:
    """Answer each traveller, until the readers end."""
    device = embedding.set_up("egate", arguments)
    guard = verifier.ReplayGuard(device.policy)
    for line in embedding.lines_of(stream):
        passport, _, rest = line.partition("\t")
        face, _, code = rest.partition("\t")
        try:
            decision = guard.check(verifier.verify(
                code,
                trust=device.store.load(),  # quick, unless an update has come
                policy=device.policy,
                expected_passport=verifier.Passport.from_mrz(passport),
                expected_challenge=None,
                now=clock(device.zone),
            ))  # fmt: skip
            is_open = face == "same" and needs_no_person(decision)
            officer = embedding.screen(decision)
        except (verifier.MrzError, verifier.TrustError) as error:
            is_open, officer = False, [embedding.AMBER, f"  {error}"]
        told = "Please go through." if is_open else "Please see the officer."
        print(f"GATE {'open' if is_open else 'closed'}\nTRAVELLER {told}")
        print(f"OFFICER face: {face or '-'}", *officer, sep="\nOFFICER ", flush=True)
    return 0


def needs_no_person(decision: verifier.Decision) -> bool:
    """Say whether nothing is left to be seen but the face."""
    if not isinstance(decision, verifier.Accepted):
        return False
    right, face = decision.entitlement, (verifier.MustSee.FACE,)
    is_lane_open = right.lane.answer is verifier.LaneAnswer.YES
    is_visa_free = right.entry.answer is verifier.EntryAnswer.VISA_FREE
    return is_lane_open and is_visa_free and decision.must_see == face


if __name__ == "__main__":
    sys.exit(main())
