"""What trust data costs to publish, to carry and to keep up to date.

A whole scheme is published by the issuers' own code, and one destination's device
follows it: from a bundle, and from a mirror that counts what it sends.
"""

import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from matplotlib import pyplot as plt
from tuf.ngclient import Updater

import verifier
from bench import published, report
from bench.cards import ALL_ECONOMIES, DESTINATION, fixed_key
from bench.published import CARDS, World
from issuer.publish import write_bundle, write_deltas

CHURN: Final = 0.0001
"""Share of all cards whose state changes in a day."""
MILLION: Final = 1_000_000
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
DAYS: Final = ("changed lists only", "all lists anew")
"""What is signed on each day."""
OURS: Final = "abtc-verify sync"
PLAIN: Final = "python-tuf alone"
_SHORT: Final = 256
"""Bytes of the shortest file that a mirror compresses."""
_KINDS: Final = ("economies' metadata", "other metadata", "status", "overlays", "other")


class Traffic(NamedTuple):
    """What a mirror has sent, with headers."""

    requests: int
    sent: int
    """Bytes."""
    by_kind: Counter[str]
    seconds: float


class Mirror(ThreadingHTTPServer):
    """Serves a folder over connections that stay open, and counts."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.sent: list[tuple[str, int]] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def measure(self, fetch: Callable[[str], object]) -> Traffic:
        """Return what was sent while somebody fetched."""
        self.sent.clear()
        started = time.perf_counter()
        fetch(self.url)
        seconds = time.perf_counter() - started
        kinds: Counter[str] = Counter()
        for path, size in self.sent:
            kinds[_kind(path)] += size
        return Traffic(len(self.sent), kinds.total(), kinds, seconds)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Mirror

    def do_GET(self) -> None:
        file = self.server.folder / self.path.lstrip("/")
        data = file.read_bytes() if file.is_file() else b""
        status = b"200 OK" if data else b"404 Not Found"
        encoding = b""
        if "gzip" in self.headers.get("Accept-Encoding", "") and len(data) >= _SHORT:
            # As docs/operations/mirror.nginx.conf does it.
            data, encoding = gzip.compress(data, 6), b"Content-Encoding: gzip\r\n"
        answer = b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s"
        answer %= status, encoding, len(data), data
        self.server.sent.append((self.path, len(answer)))
        self.wfile.write(answer)


@contextmanager
def mirror(folder: Path) -> Iterator[Mirror]:
    """Serve a folder to this machine."""
    with Mirror(folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def run(*, is_quick: bool) -> None:
    """Measure, print, plot and save."""
    now = datetime.now(UTC).replace(microsecond=0)  # python-tuf reads the clock
    with tempfile.TemporaryDirectory() as folder:
        world = World(cards=CARDS, folder=Path(folder) / "usual", start=now)
        _publish_all(world)
        sizes = _sizes(world)
        first = _first_sync(world)
        traffic = _follow(world)
        deltas = _deltas(world)
        larger = World(cards=MILLION, folder=Path(folder) / "million", start=now)
        publishing = _publish_all(larger)
        loading, look_up = _load(larger, rounds=3 if is_quick else 20)
    _print(sizes, traffic)
    _print_deltas(deltas)
    bars = [
        *_bars_of_the_first(sizes, first),
        *_bars_of_updates(traffic),
        *_bars_of_a_million(publishing, loading, look_up),
    ]
    _plot(traffic)
    found = {
        "bundle": sizes,
        "first": first,
        "updates": {name: each._asdict() for name, each in traffic.items()},
        "deltas": deltas,
        "publishing_seconds": publishing,
        "loading_seconds": loading,
        "look_up_ns": look_up,
        "bars": bars,
    }
    report.save("updates", found, is_quick=is_quick)


def _publish_all(world: World) -> float:
    """Sign and publish every list of every economy; in seconds, without the keys."""
    world.open()
    started = time.perf_counter()
    world.sign(world.start)
    world.publish(world.start)
    return time.perf_counter() - started


# The first bundle


def _sizes(world: World) -> dict[str, int]:
    """Return what one destination carries, and what it might carry instead."""
    bundle, every = world.folder / "one.zip", world.folder / "all.zip"
    lists = {
        f"{each.issuer}/status/{each.number}.jwt": len(
            world.signed[published.name_of(each, each.issuer)]
        )
        for each in world.lists
    }
    return {
        "bundle": write_bundle(world.public, bundle, economy=DESTINATION),
        "bundle of all destinations": write_bundle(world.public, every),
        "status lists": sum(lists.values()),
        "revocations as CRLs": sum(
            crl(economy, serials, world.start)
            for economy, serials in published.serials(world).items()
        ),
    }


def crl(economy: str, serials: list[int], now: datetime) -> int:
    """Return the size of a CRL with the same revocations, 64 random bits each."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"ABTC {economy}")])
    built = x509.CertificateRevocationListBuilder(
        issuer_name=name, last_update=now, next_update=now + 7 * DAY
    )
    entry = x509.RevokedCertificateBuilder(revocation_date=now)
    for serial in serials:
        built = built.add_revoked_certificate(entry.serial_number(serial).build())
    return len(built.sign(fixed_key(1), hashes.SHA256()).public_bytes(Encoding.DER))


def _first_sync(world: World) -> dict[str, Any]:
    """Sync from the bundle in a process of its own."""
    root = world.folder / "root.json"
    root.write_bytes(world.root)
    places = [world.folder / "first", world.folder / "one.zip", root]
    given = [*map(str, places), DESTINATION, (world.start + HOUR).isoformat()]
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", "bench.device", *given],
        capture_output=True,
        check=True,
        cwd=report.ROOT,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["problems"] == 0
    return found


# Following a mirror


def _follow(world: World) -> dict[str, Traffic]:
    """Follow for two days: on one what changed is signed anew, on one everything."""
    ours = _Device(world, world.folder / "store")
    plain = PlainClient(world.root, world.folder / "plain", _names(world))
    found: dict[str, Traffic] = {}
    with mirror(world.public) as server:

        def both(what: str, now: datetime) -> None:
            found[f"{what}: {OURS}"] = server.measure(lambda url: ours.sync(url, now))
            found[f"{what}: {PLAIN}"] = server.measure(plain.sync)

        both("first", world.start + HOUR)
        both("nothing new", world.start + 2 * HOUR)
        for day, what in enumerate(DAYS, 1):
            now = world.start + day * DAY
            changed = world.churn(CHURN, DESTINATION)
            names = changed if what == DAYS[0] else None
            world.sign(now, names)
            world.publish(now, names)
            both(what, now + HOUR)
    return found


def _deltas(world: World) -> dict[str, Any]:
    """Write all deltas of all economies anew, to lists with one or two older ones."""
    for path in world.public.rglob("*.from-*.json"):
        path.unlink()
    started = time.perf_counter()
    done = write_deltas(world.public)
    seconds = time.perf_counter() - started
    sizes = [(world.public / name).stat().st_size for name in done.written]
    return {
        "files": len(sizes),
        "median": statistics.median(sizes),
        "largest": max(sizes),
        "seconds": seconds,
    }


class _Device:
    """A destination's device."""

    def __init__(self, world: World, folder: Path) -> None:
        self._root = world.root
        self._store = verifier.TrustStore(folder)

    def sync(self, source: str, now: datetime) -> None:
        done = self._store.sync(source, root=self._root, now=now, economy=DESTINATION)
        assert not done.problems


class PlainClient:
    """Reads the same documents with python-tuf as it comes, and keeps no floor."""

    def __init__(self, root: bytes, folder: Path, names: Sequence[str]) -> None:
        self._root, self._names = root, names
        self._folder = folder
        for each in ("metadata", "documents"):
            (folder / each).mkdir(parents=True)

    def sync(self, source: str) -> None:
        """Fetch what is new."""
        updater = Updater(
            str(self._folder / "metadata"),
            f"{source}/metadata",
            str(self._folder / "documents"),
            f"{source}/targets",
            bootstrap=self._root,
        )
        updater.refresh()
        for name in self._names:
            info = updater.get_targetinfo(name)
            assert info
            if not updater.find_cached_target(info):
                updater.download_target(info)


def _names(world: World) -> list[str]:
    lists = [
        published.name_of(each, owner)
        for each in world.lists
        for owner in sorted({each.issuer, DESTINATION})
    ]
    issuers = [f"{economy}/issuer.json" for economy in ALL_ECONOMIES]
    return ["scheme.json", f"{DESTINATION}/policy.json", *issuers, *lists]


def _kind(path: str) -> str:
    if path.startswith("/metadata/"):
        is_economy = any(path.endswith(f".{each}.json") for each in ALL_ECONOMIES)
        return _KINDS[0] if is_economy else _KINDS[1]
    if "/status/" in path:
        return _KINDS[2]
    return _KINDS[3] if "/overlay/" in path else _KINDS[4]


# A million cards


def _load(world: World, *, rounds: int) -> tuple[float, float]:
    """Return seconds to load a store, and nanoseconds to look up a state."""
    folder = world.folder / "store"
    _Device(world, folder).sync(str(world.public), world.start + HOUR)
    trust, seconds = verifier.TrustStore(folder).load(), []
    for _ in range(rounds):
        started = time.perf_counter()
        verifier.TrustStore(folder).load()
        seconds.append(time.perf_counter() - started)
    chosen = world.lists[0]
    uri = f"https://abtc.example/{chosen.issuer}/status/{chosen.number}"
    states, indexes = trust.status_list(uri), chosen.indexes
    wrong = sum(states.state(each) != chosen.status.get(each, 0) for each in indexes)
    assert not wrong
    started_ns = time.perf_counter_ns()
    for index in indexes:
        states.state(index)
    look_up = (time.perf_counter_ns() - started_ns) / len(indexes)
    return statistics.median(seconds), look_up


# What is shown


def _print(sizes: dict[str, int], traffic: dict[str, Traffic]) -> None:
    report.print_table(
        f"What {DESTINATION} carries, {CARDS:,} cards",
        ["", "kB", "x bundle"],
        [
            [name, _kilobytes(size), f"{size / sizes['bundle']:.2f}"]
            for name, size in sizes.items()
        ],
    )
    rows = []
    for name, each in traffic.items():
        what = name.partition(":")[0]
        ratio = each.seconds / traffic[f"{what}: {PLAIN}"].seconds
        kinds = [_kilobytes(each.by_kind[kind]) for kind in _KINDS]
        numbers = [str(each.requests), _kilobytes(each.sent), *kinds]
        rows.append([name, *numbers, f"{each.seconds:.2f}", f"{ratio:.2f}"])
    header = ["", "requests", "kB", *_KINDS, "seconds", "x plain"]
    report.print_table(
        f"Following a mirror, {CHURN:.2%} of the cards changed a day", header, rows
    )
    print(
        "  python-tuf alone checks the same metadata and digests. It reads no lists,\n"
        "  keeps no mark of its own against going back, and flushes nothing to disk.\n"
    )


def _print_deltas(deltas: dict[str, Any]) -> None:
    print(
        f"  {deltas['files']} deltas to the lists of {len(ALL_ECONOMIES)} economies: "
        f"{deltas['median']:.0f} bytes each, at most {deltas['largest']},\n"
        f"  written in {deltas['seconds']:.1f} s.\n"
    )


def _kilobytes(size: int) -> str:
    return f"{size / 1000:.1f}"


def _bars_of_the_first(
    sizes: dict[str, int], first: dict[str, Any]
) -> list[dict[str, object]]:
    mebibytes = first["peak_bytes"] / 2**20
    return [
        report.print_bar(
            "a destination's bundle in less than 200 kB",
            is_met=sizes["bundle"] < 200_000,
            says=f"{_kilobytes(sizes['bundle'])} kB",
        ),
        report.print_bar(
            "first sync from it in less than 2 s and 150 MiB",
            is_met=first["seconds"] < 2 and mebibytes < 150,
            says=f"{first['seconds']:.2f} s, {mebibytes:.0f} MiB",
        ),
    ]


def _bars_of_updates(traffic: dict[str, Traffic]) -> list[dict[str, object]]:
    nothing = traffic[f"nothing new: {OURS}"]
    bars = [
        report.print_bar(
            "nothing new: 2 requests and less than 2 kB",
            is_met=nothing.requests == 2 and nothing.sent < 2000,
            says=f"{nothing.requests} requests, {nothing.sent} bytes",
        )
    ]
    for what in DAYS:
        daily = traffic[f"{what}: {OURS}"]
        bars.append(
            report.print_bar(
                f"a day's update in less than 50 kB, {what}",
                is_met=daily.sent < 50_000,
                says=f"{_kilobytes(daily.sent)} kB in {daily.requests} requests",
            )
        )
    return bars


def _bars_of_a_million(
    publishing: float, loading: float, look_up: float
) -> list[dict[str, object]]:
    return [
        report.print_bar(
            "all lists of a million cards published in less than 60 s",
            is_met=publishing < 60,
            says=f"{publishing:.0f} s on one core",
        ),
        report.print_bar(
            "a store of a million cards loaded in less than half a second",
            is_met=loading < 0.5,
            says=f"{loading * 1000:.0f} ms",
        ),
        report.print_bar(
            "a state looked up in less than 1 microsecond",
            is_met=look_up < 1000,
            says=f"{look_up:.0f} ns",
        ),
    ]


def _plot(traffic: dict[str, Traffic]) -> None:
    """Draw what each update consists of."""
    report.use_plain_style()
    ours = {name: each for name, each in traffic.items() if name.endswith(OURS)}
    figure, axes = plt.subplots(figsize=(8, 2.8), layout="constrained")
    colours = ["#8a94a6", "#c9ced6", "#0b6e4f", "#6fb58f", "#e6e9ee"]
    starts = [0.0] * len(ours)
    for kind, colour in zip(_KINDS, colours, strict=True):
        sizes = [each.by_kind[kind] / 1000 for each in ours.values()]
        axes.barh(range(len(ours)), sizes, left=starts, color=colour, label=kind)
        starts = [start + size for start, size in zip(starts, sizes, strict=True)]
    report.name_bars(axes, [name.partition(":")[0] for name in ours])
    axes.axvline(50, color=report.OURS, linewidth=0.8, linestyle="--")
    axes.set_xlabel("kB received; dashed: our bar for a day")
    axes.set_title("What a device fetches", loc="left")
    axes.legend(fontsize=7, frameon=False)
    report.save_figure(figure, "updates")
    plt.close(figure)
