"""What an economy answers to a carrier about a whole flight, and how long it takes.

The cards are invented; reading the list, looking up, deciding, signing and keeping are
real. Beside it stands the same flight asked passenger by passenger.
"""

import time
from typing import Final

from bench import report
from examples import carrier_ground as ground
from examples.serve import Demonstration
from issuer.carriers import service
from issuer.carriers.messages import read_list
from issuer.carriers.service import Asker

PASSENGERS: Final = 400
QUICK: Final = 100
MAX_SECONDS: Final = 2.0
"""Bar: all answers about a flight of 400."""
_AIRLINE: Final = Asker(client="client:bench", audience="urn:abtc:client:bench")


def run(*, is_quick: bool) -> None:
    """Print the times and store them."""
    size = QUICK if is_quick else PASSENGERS
    with ground.opened(travellers=size // 2) as home:
        figures = _measured(home, size)
    rows = [[name, f"{seconds:.2f} s"] for name, seconds in figures.items()]
    report.print_table(f"A flight of {size} passengers", ["", "time"], rows)
    bar = report.print_bar(
        "entry-basis batch",
        is_met=figures["as one list"] <= MAX_SECONDS,
        says=f"{figures['as one list']:.2f} s for {size}",
    )
    told = {"passengers": size, "seconds": figures, "bars": [bar]}
    report.save("carriers", told, is_quick=is_quick)


def _measured(home: Demonstration, size: int) -> dict[str, float]:
    desk = ground.desk_of(home)
    known = list(ground.passports_of(desk))
    strangers = [f"XX{number:07}" for number in range(size - len(known))]
    data = ground.passenger_list([*known, *strangers])
    service.ask_all(
        desk, _AIRLINE, read_list(data, ground.DESTINATION, watch=False).rows[:1]
    )
    began, worked = time.perf_counter(), time.process_time()
    asked = read_list(data, ground.DESTINATION, watch=True)
    reading = time.perf_counter() - began
    rows = service.ask_all(desk, _AIRLINE, asked.rows)
    text = "".join(each.model_dump_json() for each in rows)
    together = time.perf_counter() - began
    processor = time.process_time() - worked
    assert len(rows) == size
    assert text
    few = asked.rows[: size // 10]
    began = time.perf_counter()
    for each in few:
        service.ask_all(desk, _AIRLINE, [each])
    alone = (time.perf_counter() - began) * size / len(few)
    return {
        "as one list": together,
        "of that, reading it": reading,
        "processor time of it": processor,
        "one by one": alone,
    }
