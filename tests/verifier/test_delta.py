"""Deltas: a list made of an older one, or fetched whole as if there were none."""

import random  # noqa: TID251  # seeded: a failure can be repeated
import shutil
import zlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import verifier
from tests.delta_writer import b64u, delta_of, delta_path
from tests.issuer.repository_reader import list_of
from tests.simulator import INDEX, NOW, World
from tests.verifier.tuf_repository import Repository
from verifier._delta import apply_delta

WORLD = World(economies=["AUS", "NZL", "SGP"])
CODE = WORLD.show(WORLD.card())
CAPACITY = 2**14
NAME = "AUS/status/1.jwt"
MINUTE = timedelta(minutes=1)


def sparse(seed: str) -> dict[int, int]:
    """States of some hundred cards, none of them the card that is shown."""
    rng = random.Random(seed)  # noqa: S311  # nothing secret
    chosen = rng.sample(range(100, CAPACITY), 500)
    return dict.fromkeys(chosen, 2)


def token(name: str = NAME, *, revoked: bool = False, **changes: Any) -> bytes:
    states = sparse(name) | ({INDEX: 1} if revoked else {})
    given = {"iat": NOW - (50 if revoked else 70) * MINUTE, "capacity": CAPACITY}
    return list_of(states, name, **{**given, **changes})


OLD, NEW = token(), token(revoked=True)
OLDER = token(iat=NOW - 90 * MINUTE)
OTHER_OLD, OTHER_NEW = (
    token("NZL/status/1.jwt", revoked=each) for each in (False, True)
)
GOOD = delta_of(NEW, OLD)


class Follower:
    """A device that has the old list, and a folder that has the new one."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "mirror", self.documents(OLD))
        self.repository.publish()
        self.store = verifier.TrustStore(folder / "store")
        self.sync()
        self.publish({NAME: NEW})

    def documents(self, status: bytes) -> dict[str, bytes]:
        return WORLD.documents() | {NAME: status, "NZL/status/1.jwt": OTHER_OLD}

    def publish(self, documents: Mapping[str, bytes]) -> None:
        self.repository.issued_at += 10 * MINUTE
        self.repository.documents |= documents
        self.repository.publish()

    def lay(self, delta: bytes) -> None:
        path = self.repository.folder / delta_path(NAME, NEW, OLD)
        path.write_bytes(delta)

    def sync(self, source: Path | None = None) -> verifier.SyncReport:
        root = self.repository.first_root
        source = source or self.repository.folder
        report = self.store.sync(source, root=root, now=NOW, economy="SGP")
        assert report.problems == ()
        return report

    def reason(self) -> str:
        found = WORLD.verify(CODE, trust=self.store.load())
        return "accepted" if isinstance(found, verifier.Accepted) else found.reason


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    return Follower(tmp_path)


def whole_lists(folder: Path) -> list[Path]:
    return list((folder / "targets/AUS/status").glob("*.1.jwt"))


# What fits


@pytest.mark.parametrize("level", range(10))
def test_the_new_list_byte_for_byte(level: int) -> None:
    """Whatever level the list was written with, if the delta names it."""
    packed = b64u(zlib.compress(_entries(token(revoked=True)), level))
    new = token(revoked=True, status_list={"bits": 2, "lst": packed})
    assert apply_delta(delta_of(new, OLD, level=level), OLD) == new


@pytest.mark.parametrize(
    "changes",
    [
        {"header": {"kid": "another"}},
        {"ttl": None},
        {"ttl": 7, "note": "ü", "nbf": 5},
        {"exp": 1_999_999_999},
        {"states": {}},
    ],
)
def test_all_of_a_list_may_change(changes: dict[str, Any]) -> None:
    """Its key, its members, its moments, every entry, and its signature."""
    states = changes.pop("states", sparse("other"))
    new = list_of(states, capacity=CAPACITY, **changes)
    assert apply_delta(delta_of(new, OLD), OLD) == new
    assert apply_delta(delta_of(OLD, new), new) == OLD


def _entries(data: bytes) -> bytes:
    trust = verifier.Trust.from_documents(
        WORLD.documents() | {NAME: data},
        version=1,
        issued_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )
    found = trust.status_list("https://abtc.example/AUS/status/1")
    assert found
    return found.entries


def test_a_device_follows_by_delta(follower: Follower) -> None:
    """The whole list is not even there, and the answer is that of the new list."""
    for path in whole_lists(follower.repository.folder):
        path.unlink()
    follower.lay(GOOD)
    assert follower.reason() == "accepted"
    assert follower.sync().documents_changed == 1
    assert follower.reason() == "status.revoked"


def test_a_delta_saves_bytes_and_costs_no_request(
    follower: Follower, tmp_path: Path
) -> None:
    """With a delta and without, the same store comes about."""
    shutil.copytree(tmp_path / "store", tmp_path / "other")
    without = follower.sync()
    whole = follower.store._newest().documents
    follower.lay(GOOD)
    follower.store = verifier.TrustStore(tmp_path / "other")
    report = follower.sync()
    assert follower.store._newest().documents == whole
    assert report.requests == without.requests - 1
    assert without.received - report.received == len(NEW) - len(GOOD) > 400


# What does not

BOMB = b64u(zlib.compress(bytes(8 * 2**20), 9))
CHANGES = zlib.compress(bytes(CAPACITY // 4))
HOSTILE: dict[str, bytes | dict[str, Any]] = {
    "nothing": b"",
    "no JSON": b"\x00\xff",
    "no object": b"[]",
    "no UTF-8": GOOD.replace(b"level", b"l\xe9vel"),
    "cut": GOOD[:-1],
    "twice": GOOD + GOOD,
    "a member twice": GOOD.replace(b'"level": 9', b'"level": 9, "level": 9'),
    "no members": b"{}",
    "too large": GOOD[:-1] + b" " * 16_384 + b"}",
    "deep": b'{"a":' * 9_000,
    "many values": b'{"a":[' + b"1," * 8_000 + b"1]}",
    "long number": GOOD.replace(b'"level": 9', b'"level": ' + b"9" * 9_000),
    "a fraction": GOOD.replace(b'"level": 9', b'"level": 9.0'),
    "NaN": GOOD.replace(b'"level": 9', b'"level": NaN'),
    "level above": {"level": 10},
    "level below": {"level": -1},
    "level true": {"level": True},
    "level text": {"level": "9"},
    "no level": {"level": None},
    "another level": {"level": 1},
    "no payload": {"payload": None},
    "payload text": {"payload": "x"},
    "payload too short": {"payload": [1, "x"]},
    "payload too long": {"payload": [1, "x", 2, 3]},
    "payload negative": {"payload": [-1, "x", 2]},
    "payload negative end": {"payload": [1, "x", -2]},
    "payload of texts": {"payload": ["1", "x", "2"]},
    "payload beyond": {"payload": [2**53, "x", 2]},
    "payload beyond the end": {"payload": [1, "x", 2**53]},
    "payload all twice": {"payload": [150, "x" * 9_000, 150]},
    "payload without a list": {"payload": [0, "", 0]},
    "payload of half a pair": {"payload": [1, "\ud800", 1]},
    "no changes": {"changes": None},
    "changes a number": {"changes": 7},
    "changes not canonical": {"changes": b64u(CHANGES) + "="},
    "changes no zlib": {"changes": "AAAA"},
    "changes empty": {"changes": ""},
    "changes cut": {"changes": b64u(CHANGES[:-1])},
    "changes followed": {"changes": b64u(CHANGES + b"x")},
    "changes none": {"changes": b64u(CHANGES)},
    "changes shorter": {"changes": b64u(zlib.compress(bytes(8)))},
    "changes longer": {"changes": b64u(zlib.compress(bytes(CAPACITY // 4 + 1)))},
    "bomb": {"changes": BOMB},
    "no signature": {"signature": None},
    "signature a number": {"signature": 7},
    "signature of half a pair": {"signature": "\ud800"},
    "another signature": {"signature": OLD.decode().rpartition(".")[2]},
    "header null": GOOD[:-1] + b', "header": null}',
    "another header": {"header": "e30"},
    "to an older list": delta_of(OLDER, OLD),
    "to another list": delta_of(OTHER_NEW, OLD),
    "of another list": delta_of(NEW, OTHER_OLD),
    "the list itself": NEW,
}


def made(hostile: bytes | dict[str, Any]) -> bytes:
    if isinstance(hostile, bytes):
        return hostile
    delta = delta_of(NEW, OLD, **hostile)
    assert delta != GOOD
    return delta


@pytest.mark.timeout(20)
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_d4_bad_deltas_change_nothing(
    follower: Follower, hostile: bytes | dict[str, Any]
) -> None:
    """The whole list is fetched instead, and nobody is bothered."""
    delta = made(hostile)
    assert apply_delta(delta, OLD) != NEW
    follower.lay(delta)
    assert follower.sync().documents_changed == 1
    assert follower.reason() == "status.revoked"


@pytest.mark.parametrize(
    "hostile",
    [
        {"payload": [5_000, "x", 2]},
        {"payload": [1, "x", 5_000]},
        {"payload": [-1, "x", 2]},
        {"payload": [1, "x", -2]},
        {"changes": b64u(zlib.compress(bytes(8)))},
    ],
)
def test_d4_deltas_that_do_not_fit_make_nothing(hostile: dict[str, Any]) -> None:
    """They are not bent until they do: every device makes the same of a delta."""
    assert apply_delta(made(hostile), OLD) is None


@pytest.mark.timeout(60)
def test_d4_random_damage() -> None:
    """Damage is harmless wherever it is: nothing comes out, or what TUF refuses."""
    rng = random.Random("delta")  # noqa: S311  # nothing secret
    for _ in range(2000):
        delta, old = bytearray(GOOD), bytearray(OLD)
        for _ in range(rng.randrange(1, 4)):
            hurt = rng.choice((delta, delta, old))
            at = rng.randrange(len(hurt))
            hurt[at : at + rng.randrange(2)] = rng.randbytes(rng.randrange(3))
        found = apply_delta(bytes(delta), bytes(old))
        assert found is None or isinstance(found, bytes)


@pytest.mark.parametrize(
    "old",
    [
        b"",
        b"..",
        b"a.b.c",
        b"\xff",
        b"x" * 4_194_305,
        OLD + b"A" * 4_194_304,
        NEW + b".x",
        b"e30.e30.e30",
    ],
    ids=range(8),
)
def test_d4_lists_that_are_none(old: bytes) -> None:
    """Also what an economy has signed in place of a list is only read with care."""
    assert apply_delta(GOOD, old) is None


def test_d4_a_list_beyond_the_format() -> None:
    """Of 2**20 entries of two bits, and no more."""
    most, beyond = (list_of({}, capacity=2**20 + extra) for extra in (0, 4))
    assert apply_delta(delta_of(most, most), most) == most
    assert apply_delta(delta_of(beyond, beyond), beyond) is None


def test_zlib_that_writes_otherwise(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device with another zlib fetches whole lists, as ever."""
    follower.lay(GOOD)
    compress: Callable[[bytes, int], bytes] = zlib.compress
    monkeypatch.setattr(zlib, "compress", lambda data, _: compress(data, 1))
    assert apply_delta(GOOD, OLD) not in {NEW, None}
    follower.sync()
    assert follower.reason() == "status.revoked"


# When a device asks


def overlays(*, revoked: bool, count: int, **changes: Any) -> dict[str, bytes]:
    names = [f"SGP/overlay/AUS/{number}.jwt" for number in range(2, count + 2)]
    return {name: token(name, revoked=revoked, **changes) for name in names}


@pytest.mark.parametrize(("lists", "asked"), [(1, 1), (3, 3), (4, 3), (9, 3)])
def test_a_source_without_deltas_is_soon_asked_no_more(
    follower: Follower, lists: int, asked: int
) -> None:
    """Three lists in a row for which there was none are enough."""
    follower.lay(GOOD)
    follower.publish(overlays(revoked=False, count=lists))
    follower.sync()
    before = len(list(follower.repository.folder.rglob("*.jwt")))
    follower.publish(overlays(revoked=True, count=lists))
    assert len(list(follower.repository.folder.rglob("*.jwt"))) == before + lists
    metadata = 1 + 4 + len(follower.repository.roles) - 1
    assert follower.sync().requests == metadata + lists + asked


def test_what_is_not_asked_for(follower: Follower, tmp_path: Path) -> None:
    """No delta of what is new, short, or no list; and none in a bundle."""
    follower.lay(GOOD)
    bundle = follower.repository.bundle(tmp_path / "bundle.zip")
    requests = follower.sync(bundle).requests
    follower.publish(overlays(revoked=False, count=1))
    assert follower.sync().requests == requests
    name, at = "SGP/overlay/AUS/1.jwt", NOW - 40 * MINUTE
    follower.publish({name: list_of({INDEX: 3}, name, iat=at)})
    assert follower.sync().requests == requests
