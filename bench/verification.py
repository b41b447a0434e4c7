"""How long one verification takes, beside the bare signatures and other libraries.

A new card is one that the snapshot has not seen; a seen card is shown again with a new
proof.  Every round has a new snapshot, and in every round each contender reads the
whole pool, so that whatever else the machine does falls on all of them.
"""

import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm
from matplotlib import pyplot as plt

import verifier
from bench import cards, hc1, peers, report
from bench.cards import Holder, unb64u
from bench.peers import Presented

POOL: Final = 300
"""Cards, each with a phone of its own."""
MAX_RATIO: Final = 1.5
"""Bar: a new card in terms of the floor."""
MAX_PEAK: Final = 200_000
"""Bar: bytes that one verification may hold at once."""
FLOOR: Final = "two bare verifies"
NEW: Final = "ABTC, new card"
SEEN: Final = "ABTC, seen card"
BOUND: Final = "no less than"
"""What no reader of our codes can do without: see `_bound`."""

_COLOURS: Final = {FLOOR: report.FLOOR, NEW: report.OURS, SEEN: report.OURS}
_ES256 = ec.ECDSA(hashes.SHA256())
_ALGORITHM = ECAlgorithm(ECAlgorithm.SHA256)
_P256 = ec.SECP256R1()
_POLICY: Final = verifier.Policy(economy=cards.DESTINATION)
_TICK: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One card of the pool, as every contender wants it."""

    holder: Holder
    qr_text: str
    next_qr_text: str
    """The same card one tick later."""
    presented: Presented
    signed: tuple[tuple[bytes, bytes], tuple[bytes, bytes]]
    """DER signature and message: of the card, and of the proof."""
    raw: tuple[tuple[bytes, bytes], tuple[bytes, bytes]]
    """The same with signatures of 64 bytes."""
    point: bytes
    """The phone's key as in the code, compressed."""


class Spread(NamedTuple):
    """Microseconds: the median, and what nine and one in ten exceed."""

    median: float
    p10: float
    p90: float


def run(*, is_quick: bool) -> None:
    """Measure, print, plot and save."""
    now = datetime.now(UTC).replace(microsecond=0)  # other libraries read the clock
    documents = cards.trust_documents(now)
    rounds = 4 if is_quick else 20
    events = _events_of_first(documents, now)
    pool = [_item(number, now) for number in range(POOL)]
    times = _measure(pool, documents, now, rounds)
    spreads = {name: _spread(each) for name, each in times.items()}
    foreign = {
        name: _spread(each) for name, each in hc1.measure(pool, rounds, now).items()
    }
    peak = _peak(pool, documents, now)
    _print(spreads, foreign)
    bars = _bars(spreads, peak, events)
    _plot(spreads, foreign)
    figures = {
        name: {**spread._asdict(), "x_floor": ratio}
        for name, (spread, ratio) in _with_ratios(spreads, foreign).items()
    }
    found = {"microseconds": figures, "peak_bytes": peak, "bars": bars}
    report.save("verify", {**found, "cards": POOL, "rounds": rounds}, is_quick=is_quick)


def _item(number: int, now: datetime) -> Item:
    holder = Holder(number=number)
    card = cards.card_text(holder, at=now)
    shown = cards.presentation(card, holder, at=now - _TICK)
    later = cards.presentation(card, holder, at=now)
    proof = shown.removeprefix(card)
    return Item(
        holder=holder,
        qr_text=verifier.pack(shown),
        next_qr_text=verifier.pack(later),
        presented=Presented(
            text=shown,
            nonce=f"iat.{int((now - _TICK).timestamp())}",
            holder_key=cards.holder_key(number).public_key(),
        ),
        signed=(_bare(card.removesuffix("~")), _bare(proof)),
        raw=(_raw(card.removesuffix("~")), _raw(proof)),
        point=cards.holder_key(number)
        .public_key()
        .public_bytes(Encoding.X962, PublicFormat.CompressedPoint),
    )


def _raw(token: str) -> tuple[bytes, bytes]:
    message, _, signature = token.rpartition(".")
    return unb64u(signature), message.encode()


def _bare(token: str) -> tuple[bytes, bytes]:
    raw, message = _raw(token)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    return encode_dss_signature(r, s), message


def _measure(
    pool: list[Item], documents: dict[str, bytes], now: datetime, rounds: int
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {}
    for turn in range(rounds):
        contenders = _contenders(pool, documents, now)
        for name in _turned(list(contenders), turn):
            spent = [_microseconds(contenders[name], item) for item in pool]
            times.setdefault(name, []).extend(spent)
    return times


def _contenders(
    pool: list[Item], documents: dict[str, bytes], now: datetime
) -> dict[str, Callable[[Item], object]]:
    """Return all ways of reading a card, with snapshots for this round alone."""
    unseen, seen = (cards.fresh_trust(documents, now) for _ in range(2))
    for item in pool:
        _accept(item.qr_text, seen, now)
    issuer = cards.card_key().public_key()
    others = peers.readers(issuer, cards.public_jwk(cards.card_key()))
    return {
        FLOOR: lambda item: _floor(item, issuer),
        BOUND: lambda item: _bound(item, issuer),
        NEW: lambda item: _accept(item.qr_text, unseen, now),
        SEEN: lambda item: _accept(item.next_qr_text, seen, now),
        **{name: _peer(read) for name, read in others.items()},
    }


def _peer(read: peers.Reader) -> Callable[[Item], object]:
    return lambda item: read(item.presented)


def _floor(item: Item, issuer: ec.EllipticCurvePublicKey) -> None:
    card, proof = item.signed
    issuer.verify(*card, _ES256)
    item.presented.holder_key.verify(*proof, _ES256)


def _bound(item: Item, issuer: ec.EllipticCurvePublicKey) -> None:
    """Verify twice by PyJWT's algorithm, with the phone's key as the code has it.

    Both coordinates are needed, because the issuer signed them.
    """
    key = ec.EllipticCurvePublicKey.from_encoded_point(_P256, item.point)
    key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    for public_key, (signature, message) in zip((issuer, key), item.raw, strict=True):
        assert _ALGORITHM.verify(message, public_key, signature)


def _accept(text: str, trust: verifier.Trust, now: datetime) -> verifier.Decision:
    decision = verifier.verify(
        text,
        trust=trust,
        policy=_POLICY,
        expected_passport=None,
        expected_challenge=None,
        now=now,
    )
    assert isinstance(decision, verifier.Accepted), decision
    return decision


def _turned(names: list[str], turn: int) -> list[str]:
    first = turn % len(names)
    return names[first:] + names[:first]


def _microseconds(run: Callable[[Item], object], item: Item) -> float:
    started = time.perf_counter_ns()
    run(item)
    return (time.perf_counter_ns() - started) / 1000


def _spread(times: list[float]) -> Spread:
    tenths = statistics.quantiles(times, n=10)
    return Spread(statistics.median(times), tenths[0], tenths[-1])


def _with_ratios(
    spreads: dict[str, Spread], foreign: dict[str, Spread]
) -> dict[str, tuple[Spread, float]]:
    """Add the ratio of each median to the floor of its own process."""
    floors = dict.fromkeys(spreads, spreads[FLOOR]) | {
        name: foreign[floor] for name, floor in hc1.FLOORS.items() if name in foreign
    }
    return {
        name: (spread, spread.median / floors[name].median)
        for name, spread in {**spreads, **foreign}.items()
        if name in floors
    }


# What a verification touches


def _peak(pool: list[Item], documents: dict[str, bytes], now: datetime) -> int:
    """Return the largest memory that one of some verifications held, in bytes."""
    trust, peaks = cards.fresh_trust(documents, now), []
    tracemalloc.start()
    for item in pool[:20]:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        _accept(item.qr_text, trust, now)
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
    tracemalloc.stop()
    return max(peaks)


def _events_of_first(documents: dict[str, bytes], now: datetime) -> list[str]:
    """Return what the interpreter audited while the first card was verified."""
    item, trust = _item(POOL, now), cards.fresh_trust(documents, now)
    with _audited() as events:
        _accept(item.qr_text, trust, now)
    return events


@contextmanager
def _audited() -> Iterator[list[str]]:
    """Collect the interpreter's audit events; a hook cannot be removed again."""
    events: list[str] = []
    is_open = True

    def note(event: str, _arguments: tuple[Any, ...]) -> None:
        if is_open:
            events.append(event)

    sys.addaudithook(note)
    yield events
    is_open = False


def _bars(
    spreads: dict[str, Spread], peak: int, events: list[str]
) -> list[dict[str, object]]:
    ratio = spreads[NEW].median / spreads[FLOOR].median
    outside = [event for event in events if event.startswith(("open", "socket."))]
    return [
        report.print_bar(
            f"a new card in at most {MAX_RATIO} x the floor",
            is_met=ratio <= MAX_RATIO,
            says=f"{ratio:.2f}",
        ),
        report.print_bar(
            f"one verification in less than {MAX_PEAK // 1000} kB",
            is_met=peak < MAX_PEAK,
            says=f"{peak / 1000:.1f} kB",
        ),
        report.print_bar(
            "no file and no socket opened",
            is_met=not outside,
            says=f"audit events: {', '.join(events) or 'none of any kind'}",
        ),
    ]


def _print(spreads: dict[str, Spread], foreign: dict[str, Spread]) -> None:
    rows = [
        [name, *(f"{each:.0f}" for each in spread), f"{ratio:.2f}"]
        for name, (spread, ratio) in _with_ratios(spreads, foreign).items()
    ]
    report.print_table(
        f"Verification of one presentation, {POOL} cards, microseconds",
        ["", "median", "p10", "p90", "x floor"],
        rows,
    )
    print("  ABTC: from QR text to the decision, status list and entitlement included.")
    print(
        "  Others: both signatures, dates, audience, nonce and sd_hash of plain text."
    )
    print("  No less than: PyJWT's algorithm twice, and the phone's key from the code.")
    print("  HC1 alone has one signature, so its floor is one verify; HC1 runs in an")
    print("  environment of its own, beside its own floor.\n")


def _plot(spreads: dict[str, Spread], foreign: dict[str, Spread]) -> None:
    ratios = _with_ratios(spreads, foreign)
    report.use_plain_style()
    figure, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
    for row, (name, (spread, ratio)) in enumerate(ratios.items()):
        low, high = (each / spread.median * ratio for each in spread[1:])
        axes.barh(row, ratio, color=_COLOURS.get(name, report.PEER))
        axes.hlines(row, low, high, color="#333", linewidth=1)
        axes.text(high + 0.05, row, f"{ratio:.2f}", va="center")
    report.name_bars(axes, list(ratios))
    axes.axvline(1, color="#333", linewidth=0.8, linestyle=":")
    axes.axvline(MAX_RATIO, color=report.OURS, linewidth=0.8, linestyle="--")
    axes.set_xlabel(
        "times the bare signature checks; line: p10 to p90; dashed: our bar"
    )
    axes.set_title("Verification of one presentation", loc="left")
    report.save_figure(figure, "verify")
    plt.close(figure)
