"""What an economy answers to a carrier about a whole flight, and how long it takes.

The cards are invented; reading the list, looking up, deciding, signing and keeping are
real. Beside it stands the same flight asked passenger by passenger.
"""

import time
from typing import Final

from bench import report
from examples import carrier_ground as ground
from issuer.carriers import service
from issuer.carriers.messages import read_list
from issuer.carriers.service import Asker
from issuer.office import Desk

PASSENGERS: Final = 400
QUICK: Final = 100
MAX_SECONDS: Final = 2.0
"""Bar: all answers about a flight of 400."""
_ROUNDS: Final = 3
"""The quickest counts: what else the machine does is none of the figure's business."""
_AIRLINE: Final = Asker(client="client:bench", audience="urn:abtc:client:bench")


def run(*, is_quick: bool) -> None:
    """Print the times and store them."""
    size = QUICK if is_quick else PASSENGERS
    with ground.serving(travellers=size // 2) as there:
        figures = _measured(there, size)
    rows = [[name, f"{seconds:.2f} s"] for name, seconds in figures.items()]
    report.print_table(f"A flight of {size} passengers", ["", "time"], rows)
    bar = report.print_bar(
        "entry-basis batch",
        is_met=figures["as one list"] <= MAX_SECONDS,
        says=f"{figures['as one list']:.2f} s for {size}",
    )
    told = {"passengers": size, "seconds": figures, "bars": [bar]}
    report.save("carriers", told, is_quick=is_quick)


def _measured(there: ground.Ground, size: int) -> dict[str, float]:
    desk = ground.desk_of(there.home)
    known = list(ground.passports_of(desk))
    strangers = [f"XX{number:07}" for number in range(size - len(known))]
    data = ground.passenger_list([*known, *strangers])
    service.ask_all(
        desk, _AIRLINE, read_list(data, ground.DESTINATION, watch=False).rows[:1]
    )
    rounds = [_whole(desk, data, size) for _ in range(_ROUNDS)]
    together, reading, processor = min(rounds)
    airline = there.let_in("Example Air")
    over_http = min(_over_http(airline, data, size) for _ in range(_ROUNDS))
    few = read_list(data, ground.DESTINATION, watch=True).rows[: size // 10]
    began = time.perf_counter()
    for each in few:
        service.ask_all(desk, _AIRLINE, [each])
    alone = (time.perf_counter() - began) * size / len(few)
    return {
        "as one list": together,
        "of that, reading it": reading,
        "processor time of it": processor,
        "over HTTP, PAXLST to CUSRES": over_http,
        "one by one": alone,
    }


def _whole(desk: Desk, data: bytes, size: int) -> tuple[float, float, float]:
    """Time a whole list: all of it, reading it, and how long a processor worked."""
    began, worked = time.perf_counter(), time.process_time()
    asked = read_list(data, ground.DESTINATION, watch=True)
    reading = time.perf_counter() - began
    rows = service.ask_all(desk, _AIRLINE, asked.rows)
    text = "".join(each.model_dump_json() for each in rows)
    together = time.perf_counter() - began
    assert len(rows) == size
    assert text
    return together, reading, time.process_time() - worked


def _over_http(airline: ground.Carrier, data: bytes, size: int) -> float:
    began = time.perf_counter()
    cusres = airline.asks(data)
    seconds = time.perf_counter() - began
    assert cusres.count(b"ABTC-") == size
    return seconds
