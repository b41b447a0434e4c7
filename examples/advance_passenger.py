"""A passenger list, what an economy's register says of it, and an answer that flips.

    python -m examples.advance_passenger

An airline sends a PAXLST over HTTP and gets a CUSRES back: a remark for each traveller,
and no board answer. Then one card is suspended, and the airline learns it without
asking again. The office is in `carrier_ground`.
"""

import sys
from collections import Counter

from examples.carrier_ground import passenger_list, serving
from verifier.carriers import read_cusres

_STRANGERS = ["XX0000001", "XX0000002"]


def main() -> int:
    """Play the story; 0 if every step was as expected."""
    with serving(travellers=40) as ground:
        airline = ground.let_in("Example Air")
        flight = [*ground.passports(), *_STRANGERS]
        (response,) = read_cusres(airline.asks(passenger_list(flight)))[1]
        remarks = {each.reference: each.remarks[0] for each in response.travellers}
        counted = Counter(each.code for each in remarks.values())
        for code, count in sorted(counted.items()):
            print(f"{count:3} of {len(flight)} travellers: {code}")
        passport = next(p for p, each in remarks.items() if each.code == "ABTC-GIVES")
        said = " ".join(remarks[passport].lines)
        print(f"CUSRES: {said}")
        ground.suspend(passport)
        (change,) = airline.changes()
        print(f"told unasked: {change['reference']} is now {change['answer']}")
        return 0 if change["reference"] in said else 1


if __name__ == "__main__":
    sys.exit(main())
