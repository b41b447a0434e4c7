"""A whole scheme from nothing: cards generated, published, synced and verified.

An installation for all economies is made as a user makes it, ``demo-data`` fills it
with signed cards, every economy publishes, devices follow over HTTP, and a sample of
the cards is shown at every border.  Each answer has to be what the database says.
Every step is a process of its own, so that its memory is its own.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import verifier
from bench import report
from bench.cards import DESTINATION
from bench.office import Timed, page_bar, print_pages, time_page, volume
from bench.pages import find_places, pages
from bench.scale_steps import desk_at, hosted
from bench.updates import PlainClient, Traffic, crl, mirror
from issuer.commands.opening import open_office
from issuer.entries import counts
from issuer.office import Office
from issuer.publication import published_lists
from issuer.publish.repository import Repository
from issuer.store import (
    Issue,
    IssueState,
    Person,
)
from tests.components import COMPONENTS
from tests.databases import postgresql

TRAVELLERS: Final = 5_000
"""Unless another size is asked for; 528,000 have half a million cards."""
QUICK: Final = 420
SAMPLE: Final = 1_000
"""Cards that are shown at every border."""
MAX_GIB: Final = 1.0
"""Bar: memory of any step, however many cards there are."""
OURS: Final = "abtc-verify sync"
PLAIN: Final = "python-tuf alone"
_CALLS: Final = 50
_MIB: Final = 2**20
_PASSPHRASES: Final = {
    "ABTC_KEY_PASSPHRASE": "for measuring only",
    "ABTC_PUBLISH_PASSPHRASE": "for measuring only",
}


def run(*, is_quick: bool, travellers: int | None = None) -> None:
    """Measure on each database, print and save."""
    size = travellers or (QUICK if is_quick else TRAVELLERS)
    os.environ.update(_PASSPHRASES)
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        figures["SQLite"] = _measure("SQLite", Path(folder), None, size)
    if COMPONENTS["PostgreSQL"].find():
        with (
            tempfile.TemporaryDirectory() as folder,
            postgresql(options="") as server,
        ):
            url = server.empty()
            figures["PostgreSQL"] = _measure("PostgreSQL", Path(folder), url, size)
    report.save("scale", figures, is_quick=is_quick)


def _measure(name: str, folder: Path, url: str | None, size: int) -> dict[str, Any]:
    home = folder / "home"
    database = ["--database", url] if url else []
    _run("issuer", "init", "--home", str(home), "--all", "--test", "--keys", *database)
    print(f"\n{name}, {size:,} travellers, at a load of {os.getloadavg()[0]:.1f}")
    return measure(name, home, size)


def measure(name: str, home: Path, size: int) -> dict[str, Any]:
    """Take every step on an installation that was just made, or goes on."""
    generated = _step("generate", home, size)
    office = open_office(home)
    try:
        return _after(name, office, generated, size)
    finally:
        office.store.close()


def _after(
    name: str, office: Office, generated: dict[str, Any], size: int
) -> dict[str, Any]:
    home = office.installation.folder
    there = volume(office.store) | office.store.read(_signed)
    _step("begin", home)
    first = _step("publish", home)
    follow = _Following(office)
    traffic = follow.sync("first")
    _step("change", home)
    again = _step("publish", home)
    deltas = _step("deltas", home)
    traffic |= follow.sync("again")
    everything = follow.sync_all()
    verified = _step("verify", home, SAMPLE)
    timed = time_pages(office)
    steps = {
        "demo-data": generated,
        "publish, the first time": first,
        "publish again": again,
        "deltas": deltas,
        "verify": verified,
    }
    sizes = _sizes(office)
    _print(name, there, steps, sizes, everything)
    _print_traffic(name, traffic)
    print_pages(name, timed, there["cards"])
    bars = [*_bars(name, steps), page_bar(name, timed)]
    return {
        "travellers": size,
        "volume": there,
        "sizes": sizes,
        "steps": steps,
        "everything": everything,
        "traffic": {key: each._asdict() for key, each in traffic.items()},
        "load": os.getloadavg()[0],
        "bars": bars,
    }


def _run(*command: str) -> str:
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        check=True,
        cwd=report.ROOT,
        text=True,
    )
    return done.stdout


def _step(name: str, home: Path, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        _run("bench.scale_steps", name, str(home), str(number))
    )
    return found


def _signed(session: Session) -> dict[str, int]:
    query = select(func.count()).where(Issue.state == IssueState.SIGNED)
    travellers = select(func.count()).select_from(Person)
    return {
        "signed": session.scalar(query) or 0,
        "travellers": session.scalar(travellers) or 0,
    }


class _Following:
    """A destination's device, beside the plain client of the same repository."""

    def __init__(self, office: Office) -> None:
        installation = office.installation
        self.public = installation.path(installation.publish.out)
        self.folder = installation.folder
        self.root = (self.public / "metadata/1.root.json").read_bytes()
        self.store = verifier.TrustStore(_made(self.folder / "device"))
        codes = hosted(office)
        names = [
            name
            for code in codes
            for name in (f"{code}/issuer.json", *_lists_for(office, code))
        ]
        names += ["scheme.json", f"{DESTINATION}/policy.json"]
        self.plain = PlainClient(self.root, self.folder / "plain", names)

    def sync(self, what: str) -> dict[str, Traffic]:
        """Follow the repository, with both."""
        with mirror(self.public) as server:
            return {
                f"{what}: {OURS}": server.measure(self._ours),
                f"{what}: {PLAIN}": server.measure(self.plain.sync),
            }

    def sync_all(self) -> dict[str, float]:
        """Keep the overlays of every destination, in a store of their own."""
        store = verifier.TrustStore(_made(self.folder / "device-all"))
        started = time.perf_counter()
        store.sync(self.public, root=self.root, now=datetime.now(UTC))
        synced = time.perf_counter()
        store.load()
        loaded = time.perf_counter()
        return {"sync": synced - started, "load": loaded - synced}

    def _ours(self, url: str) -> None:
        done = self.store.sync(
            url, root=self.root, now=datetime.now(UTC), economy=DESTINATION
        )
        assert not done.problems, done.problems


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _lists_for(office: Office, issuer: str) -> list[str]:
    numbers = sorted(published_lists(office, issuer).own)
    status = [f"{issuer}/status/{number}.jwt" for number in numbers]
    if issuer == DESTINATION:
        return status
    over = [f"{DESTINATION}/overlay/{issuer}/{number}.jwt" for number in numbers]
    return [*status, *over]


def _sizes(office: Office) -> dict[str, int]:
    """Return bytes of all lists, and of CRLs of what they say has ended."""
    found = {"status lists": 0, "overlays": 0, "revocations as CRLs": 0}
    public = office.installation.path(office.installation.publish.out)
    repository = Repository.load(public)
    for code in hosted(office):
        for name, data in repository.documents(public, code).items():
            if name.endswith(".jwt"):
                found["status lists" if "/status/" in name else "overlays"] += len(data)
        ended = sum(
            sum(counts(each)[1:]) for each in published_lists(office, code).own.values()
        )
        serials = [2**62 + number for number in range(ended)]
        found["revocations as CRLs"] += crl(code, serials, datetime.now(UTC))
    return found


def time_pages(office: Office) -> list[Timed]:
    """Ask for each page of `bench.pages` as its users do."""
    places = office.store.read(find_places)
    people = {code: desk_at(office, code) for code in hosted(office)}
    found = pages(office, places, datetime.now(UTC))
    return [time_page(people[page.economy], page, _CALLS) for page in found]


def _print(
    name: str,
    there: Mapping[str, int],
    steps: Mapping[str, Mapping[str, Any]],
    sizes: Mapping[str, int],
    everything: Mapping[str, float],
) -> None:
    made = steps["demo-data"]
    rate = there["travellers"] / made["seconds"]
    print(
        f"\n  {there['travellers']:,} travellers, {there['cards']:,} cards,"
        f" {there['signed']:,} signed texts, {there['pre-clearances']:,}"
        f" pre-clearances, {there['bytes'] / _MIB:,.0f} MiB; {rate:,.0f} travellers/s"
    )
    report.print_table(
        f"Every step on {name}",
        ("step", "seconds", "of processor", "memory, MiB"),
        [
            (
                step,
                f"{each['seconds']:.1f}",
                f"{each['processor']:.1f}",
                f"{each['memory'] / _MIB:.0f}",
            )
            for step, each in steps.items()
        ],
    )
    for step in ("publish, the first time", "publish again"):
        each = steps[step]
        print(
            f"  {step}: {each['economies']} economies, {each['lists']} lists, median"
            f" {each['median']:.2f} s, slowest {each['slowest']:.2f} s"
        )
    for what, size in {**sizes, "deltas": steps["deltas"]["bytes"]}.items():
        print(f"  {what}: {size:,} bytes")
    print(f"  answers at all borders: {steps['verify']['by_answer']}")
    print(
        f"  all destinations' overlays: synced in {everything['sync']:.2f} s, loaded in"
        f" {everything['load']:.2f} s"
    )


def _print_traffic(name: str, traffic: Mapping[str, Traffic]) -> None:
    report.print_table(
        f"A device of {DESTINATION} follows, {name}",
        ("sync", "requests", "bytes", "seconds"),
        [
            (what, str(each.requests), f"{each.sent:,}", f"{each.seconds:.2f}")
            for what, each in traffic.items()
        ],
    )


def _bars(
    name: str, steps: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, object]]:
    verified = steps["verify"]
    yield report.print_bar(
        f"every border says what the database does, {name}",
        is_met=verified["count_wrong"] == 0 < verified["answers"],
        says=f"{verified['answers']:,} answers about {verified['cards']:,} cards"
        f" {verified['states']}, {verified['count_wrong']} wrong",
    )
    memory = max(each["memory"] for each in steps.values())
    yield report.print_bar(
        f"no step holds more than {MAX_GIB:g} GiB, {name}",
        is_met=memory <= MAX_GIB * 2**30,
        says=f"{memory / _MIB:,.0f} MiB",
    )
