"""A whole scheme, published by the issuers' own code: what devices would carry.

Cards, indexes and states come from a fixed seed, so equal calls give equal lists.
"""

import hashlib
import random  # seeded: every run measures the same lists
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from bench.cards import ALL_ECONOMIES, PrivateKey, fixed_key
from issuer.documents import issuer_document, policy_document, scheme_document
from issuer.jws import PublicKey, sign_es256
from issuer.keys import KeyRecord, KeyUse
from issuer.lists import (
    Overlay,
    OverlayStates,
    Status,
    StatusStates,
    overlay_token,
    status_token,
)
from issuer.publish import Journal, Keyring, Publisher
from issuer.scheme import Scheme

CARDS: Final = 405_000
"""Of all economies, as APEC last said."""
KOREA: Final = 59_615
"""Of these, Korea's; the others are not published and are taken to fall off evenly."""
REVOKED: Final = 0.01
WITHDRAWN: Final = 0.005
GRANTED: Final = 0.05
_FULL: Final = 0.8
_SCHEME: Final = Scheme.load()
_LONG_AGO: Final = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSigner:
    """A list-signing key, as `issuer.keys` wants one."""

    number: int
    key_id: str = "2029-2"
    use: KeyUse = "status"

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return self._private.public_key()

    @property
    def _private(self) -> PrivateKey:
        return fixed_key(self.number)

    def sign(self, data: bytes) -> bytes:
        """Sign with ES256."""
        return sign_es256(self._private, data)


@dataclass(slots=True, kw_only=True)
class CardList:
    """One list of one issuer: which indexes have a card, and every state of them."""

    issuer: str
    number: int
    indexes: list[int]
    """In the order in which they were drawn."""
    status: dict[int, Status]
    overlays: dict[str, dict[int, Overlay]]
    """By destination."""


@dataclass(slots=True, kw_only=True)
class World:
    """The lists of all economies, and the repository that they are published to."""

    cards: int
    folder: Path
    start: datetime
    """The moment of the first publication."""
    lists: list[CardList] = field(init=False)
    rng: random.Random = field(init=False)
    signed: dict[str, bytes] = field(init=False)
    """The newest token of each list, by name."""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.cards)  # noqa: S311  # nothing secret
        self.lists = [
            self._new_list(economy, number, size)
            for economy, cards in cards_of(self.cards).items()
            for number, size in _sizes(economy, cards)
        ]
        self.signed = {}
        (self.folder / "keys").mkdir(mode=0o700, parents=True)

    @property
    def public(self) -> Path:
        """The folder that a mirror would serve."""
        return self.folder / "public"

    @property
    def root(self) -> bytes:
        """What a device has from the beginning."""
        return (self.public / "metadata/1.root.json").read_bytes()

    def publisher(self) -> Publisher:
        """Return a publisher as a fresh process would make it."""
        keys = self.folder / "keys"
        return Publisher(
            folder=self.public,
            journal=Journal(path=keys / "journal.jsonl"),
            keyring=Keyring([keys], lambda _: b"bench"),
        )

    def open(self) -> None:
        """Make the repository, with a role for every economy."""
        publisher = self.publisher()
        publisher.init(scheme_document(_SCHEME, issued_at=self.start), now=self.start)
        for economy in ALL_ECONOMIES:
            publisher.add_economy(economy, now=self.start)

    def sign(self, now: datetime, names: Iterable[str] | None = None) -> None:
        """Sign lists; all of them if none is named."""
        wanted = None if names is None else set(names)
        for each in self.lists:
            for owner in ALL_ECONOMIES:
                name = name_of(each, owner)
                if wanted is None or name in wanted:
                    self.signed[name] = _token(each, owner, name, now)

    def publish(self, now: datetime, names: Iterable[str] | None = None) -> None:
        """Publish for the owners of these lists, or for everybody."""
        owners = None if names is None else {name[:3] for name in names}
        publisher = self.publisher()
        for economy in ALL_ECONOMIES if owners is None else sorted(owners):
            own = {k: v for k, v in self.signed.items() if k.startswith(f"{economy}/")}
            publisher.publish_lists(economy, _papers(economy) | own, now=now)

    def churn(self, share: float, destination: str) -> set[str]:
        """Change the state of a share of all cards, and name the lists that changed.

        Half are revoked by their issuers; half are granted or withdrawn since by one
        destination.
        """
        changed: set[str] = set()
        sizes = [len(each.indexes) for each in self.lists]
        for turn in range(round(self.cards * share)):
            (chosen,) = self.rng.choices(self.lists, sizes)
            index = self.rng.choice(chosen.indexes)
            if turn % 2 or chosen.issuer == destination:
                chosen.status.setdefault(index, Status.REVOKED)
                changed.add(name_of(chosen, chosen.issuer))
            else:
                state = Overlay.GRANTED if turn % 4 else Overlay.WITHDRAWN
                chosen.overlays[destination][index] = state
                changed.add(name_of(chosen, destination))
        return changed

    def _new_list(self, economy: str, number: int, size: int) -> CardList:
        capacity = _SCHEME.economy(economy).list_capacity
        indexes = self.rng.sample(range(capacity), size)
        revoked = self.rng.sample(indexes, round(size * REVOKED))
        return CardList(
            issuer=economy,
            number=number,
            indexes=indexes,
            status=dict.fromkeys(revoked, Status.REVOKED),
            overlays={
                each: self._new_overlay(indexes)
                for each in ALL_ECONOMIES
                if each != economy
            },
        )

    def _new_overlay(self, indexes: list[int]) -> dict[int, Overlay]:
        withdrawn = round(len(indexes) * WITHDRAWN)
        both = self.rng.sample(indexes, withdrawn + round(len(indexes) * GRANTED))
        return {
            **dict.fromkeys(both[:withdrawn], Overlay.WITHDRAWN),
            **dict.fromkeys(both[withdrawn:], Overlay.GRANTED),
        }


def cards_of(cards: int) -> dict[str, int]:
    """Spread cards over the economies; the sum is what was asked for."""
    others = [code for code in ALL_ECONOMIES if code != "KOR"]
    weights = {code: 1 / (place + 4) for place, code in enumerate(others)}
    left = cards - cards * KOREA // CARDS
    share = left / sum(weights.values())
    found = {code: round(weight * share) for code, weight in weights.items()}
    return {**found, "KOR": cards - sum(found.values())}


def name_of(each: CardList, owner: str) -> str:
    """Name the issuer's list itself, or the owner's overlay over it."""
    if owner == each.issuer:
        return f"{owner}/status/{each.number}.jwt"
    return f"{owner}/overlay/{each.issuer}/{each.number}.jwt"


def serials(world: World) -> dict[str, list[int]]:
    """Return 64 random-looking bits for each revoked card, by issuer."""
    found: dict[str, list[int]] = {}
    for each in world.lists:
        for index in each.status:
            text = f"{each.issuer} {each.number} {index}".encode()
            number = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") | 1
            found.setdefault(each.issuer, []).append(number)
    return found


def _sizes(economy: str, cards: int) -> list[tuple[int, int]]:
    """Number the lists that so many cards need: the next opens at 80 %."""
    most = int(_SCHEME.economy(economy).list_capacity * _FULL)
    starts = range(0, cards, most)
    return [
        (number, min(most, cards - start)) for number, start in enumerate(starts, 1)
    ]


def _token(each: CardList, owner: str, name: str, now: datetime) -> bytes:
    url, capacity = _url(owner), _SCHEME.economy(each.issuer).list_capacity
    uri = f"{url}/{name.partition('/')[2].removesuffix('.jwt')}"
    common = {"iat": now, "exp": now + timedelta(days=7)}
    ttl, signer = timedelta(hours=12), _signer(owner)
    if owner == each.issuer:
        states = StatusStates.of(each.status, capacity=capacity)
        return status_token(states, uri=uri, ttl=ttl, signer=signer, **common)
    overlay = OverlayStates.of(each.overlays[owner], capacity=capacity)
    return overlay_token(overlay, uri=uri, ttl=ttl, signer=signer, **common)


def card_key(economy: str) -> PrivateKey:
    """Return the key with which an economy signs cards."""
    return fixed_key(_number(economy) + 1)


@cache
def _papers(economy: str) -> dict[str, bytes]:
    """Return an economy's documents besides its lists; the same every day."""
    card_key = StatusSigner(number=_number(economy) + 1, key_id="2029-1", use="card")
    keys = [
        KeyRecord.of(key, issuer_url=_url(economy), signs_from=_LONG_AGO)
        for key in (_signer(economy), card_key)
    ]
    issuer = issuer_document(_SCHEME, economy, keys=keys, issued_at=_LONG_AGO)
    policy = policy_document(_SCHEME, economy, issued_at=_LONG_AGO)
    return {f"{economy}/issuer.json": issuer, f"{economy}/policy.json": policy}


def _signer(economy: str) -> StatusSigner:
    return StatusSigner(number=_number(economy))


def _number(economy: str) -> int:
    return 1000 + 2 * ALL_ECONOMIES.index(economy)


def _url(economy: str) -> str:
    return _SCHEME.economy(economy).issuer_url
