"""What this verifier believes, as of one moment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Self

from . import _documents
from ._dated import DatedFact
from ._documents import Issuer
from ._jose import PublicKey
from ._keys import TrustedKey
from ._packing import Frame, cut_qr_text, parse_frame, parse_seen_frame
from ._passport_list import PassportList, parse_passport_list
from ._presentation import Presentation, SignedCard
from ._rules import (
    DestinationRules,
    PairEffect,
    PairRule,
    Scheme,
    pair_effect,
    rules_towards,
)
from ._status import StatusList, parse_status_list
from ._stop import Refer
from .errors import TrustError
from .reasons import UndecidedReason

if TYPE_CHECKING:
    from .service_message import ServiceKeys

MAX_ISSUED_AHEAD = timedelta(minutes=5)
"""How much later than the trust data a list in it may be dated."""
MAX_LISTS = 512
"""Lists of one economy, overlays included."""
_SCHEME = "scheme.json"
DOCUMENT_NAME = re.compile(
    r"(?P<owner>[A-Z]{3})/(?:(?P<kind>issuer|policy)\.json"
    r"|(?P<passports>passports)\.jwt"
    r"|status/(?P<list>0|[1-9][0-9]{0,9})\.jwt"
    r"|overlay/(?P<issuer>[A-Z]{3})/(?P<overlay>0|[1-9][0-9]{0,9})\.jwt)"
)
_MEMO_SIZE = 4096
_DELEGATIONS = 256
"""A dozen of each economy: each renews its own about once a day."""
_ELSEWHERE = ""
"""Stands for every destination that the scheme does not name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A document that was refused; the snapshot behaves as without it."""

    document: str
    """Name of the document, such as ``AUS/status/1.jwt``."""
    detail: str
    """What is wrong with it; for logs."""


class Sighting(NamedTuple):
    """A presentation as it reached this device."""

    presentation: Presentation
    card_key: tuple[bytes, bool] | None
    """Equal for two QR texts exactly if they show the same card in the same way; None
    for what is not worth remembering."""
    signed_by: PublicKey | None
    """The key that this snapshot has already seen to have signed the card."""


class SeenCards:
    """Remembers cards whose signature has verified, so that the next scan is quick.

    Only parsing and the signature check are remembered, pure functions of the packed
    bytes and the key. Dates, proof and status are checked at every scan, and the memory
    ends with its snapshot, so it can outlive neither a key nor a list. A second
    spelling of a signature is merely another card to remember.
    """

    __slots__ = ("_cards",)

    def __init__(self) -> None:
        self._cards: dict[tuple[bytes, bool], tuple[SignedCard, PublicKey]] = {}

    def parse(self, qr_text: str) -> Sighting:
        """Read QR text, quickly if the card was seen before.

        Raises:
            ValueError: ``qr_text`` is not the canonical packing of a presentation.
        """
        frame = cut_qr_text(qr_text)
        seen = self._cards.get(frame.card_key)
        if seen is None:
            shown = parse_frame(frame)
            return Sighting(shown, _card_key(frame, shown), None)
        card, key = seen
        return Sighting(parse_seen_frame(frame, card), frame.card_key, key)

    def remember(self, sighting: Sighting, key: PublicKey) -> None:
        """Note that ``key`` has signed the card, if it is worth remembering."""
        if sighting.card_key is None:
            return
        if len(self._cards) >= _MEMO_SIZE:
            self._cards.clear()
        self._cards[sighting.card_key] = sighting.presentation.card, key

    def forget(self) -> None:
        """Forget all cards: the next scan of each is merely slower."""
        self._cards.clear()


class SeenDelegations:
    """Remembers delegations of service keys whose signature has verified.

    Each message carries one, and the same for a day. Only what is a pure function of
    its text and the snapshot is remembered: whether it has ended is looked at for every
    message, and the memory ends with its snapshot, so it cannot outlive a status key.
    Nobody fills it who has no status key.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, ServiceKeys] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, delegation: str) -> "ServiceKeys | None":
        """Return the keys that a delegation names, if it was seen before."""
        return self._known.get(delegation)

    def remember(self, delegation: str, keys: "ServiceKeys") -> None:
        """Note that an economy of this snapshot has delegated to ``keys``."""
        if len(self._known) >= _DELEGATIONS:
            self._known.clear()
        self._known[delegation] = keys


def _card_key(frame: Frame, shown: Presentation) -> tuple[bytes, bool] | None:
    """Return under what a card may be remembered, if the cut fell where it should.

    An answer to a challenge, or a member that the profile does not define, could end
    in bytes that merely look like an ordinary proof.
    """
    proof = shown.proof
    ending = (proof.issued_at, proof.signature) if proof else (None, b"")
    is_cut_right = ending == (frame.proof_issued_at, frame.proof_signature)
    return frame.card_key if is_cut_right and not shown.card.others else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trust:
    """Issuers, rules and lists: an immutable snapshot to decide from.

    Build one with `Trust.from_documents`; it is safe to share between threads.
    """

    version: int
    """Counts up with every publication."""
    issued_at: datetime
    """The moment at which this was the current trust data."""
    expires_at: datetime
    """The moment from which it must not be used."""
    time_floor: datetime
    """The latest ``issued_at`` of any snapshot that this device has accepted."""
    problems: tuple[Problem, ...] = ()
    """Documents that were refused."""
    is_for_training: bool = False
    """Whether test cards count here, and no others do."""
    _scheme: Scheme = field(repr=False)
    _issuers: Mapping[str, Issuer] = field(repr=False)
    _rules: Mapping[str, DestinationRules] = field(repr=False)
    _pair_rules: Mapping[str, tuple[PairRule, ...]] = field(repr=False)
    _lists: Mapping[str, StatusList] = field(repr=False)
    _passport_lists: Mapping[str, PassportList] = field(repr=False)
    """By economy."""
    _unusable: frozenset[str] = field(repr=False)
    _texts: Mapping[str, bytes] = field(repr=False)
    """The scheme and the policies that could be read, for people to read."""
    seen_cards: SeenCards = field(
        default_factory=SeenCards, init=False, repr=False, compare=False
    )
    """For `verify` only."""
    seen_delegations: SeenDelegations = field(
        default_factory=SeenDelegations, init=False, repr=False, compare=False
    )
    """For `read_service_keys` only."""

    @classmethod
    def from_documents(
        cls,
        documents: Mapping[str, bytes],
        *,
        version: int,
        issued_at: datetime,
        expires_at: datetime,
        time_floor: datetime | None = None,
    ) -> Self:
        """Build a snapshot from documents that the distribution layer has verified.

        Args:
            documents: Content by name: ``scheme.json``, ``<E>/issuer.json``,
                ``<E>/policy.json``, ``<E>/status/<n>.jwt``,
                ``<E>/passports.jwt``, ``<D>/overlay/<I>/<n>.jwt``. A device needs every
                economy's status and passport lists and its own economy's policy and
                overlays.
            version: Counts up with every publication.
            issued_at: The moment at which the documents were current; timezone-aware.
            expires_at: The moment from which they must not be used; timezone-aware.
            time_floor: The latest ``issued_at`` of any snapshot that this device has
                accepted, if that is later than this one's; timezone-aware.  Never the
                date of a list, a card or a proof: one wrong clock would stop a border.

        Returns:
            A snapshot. A document of one economy that cannot be used is left out and
            named in ``problems``; the other economies are unaffected.

        Raises:
            TrustError: ``scheme.json`` is missing or cannot be used, a name is none of
                the above, or a moment is naive or out of range, or ``expires_at`` not
                after ``issued_at``.

        Not checked: that the documents are the newest, and who distributed them under
        these names. The trust store does that.

        Source: specification, section 7.
        """
        issued_at, expires_at = _utc(issued_at), _utc(expires_at)
        time_floor = _utc(time_floor) if time_floor else issued_at
        latest_issued_at = _latest_issued_at(issued_at, expires_at)
        read = _Reader(documents, latest_issued_at)
        return cls(
            version=version,
            issued_at=issued_at,
            expires_at=expires_at,
            time_floor=max(issued_at, time_floor),
            problems=tuple(read.problems),
            _scheme=read.scheme,
            _issuers=MappingProxyType(
                {issuer.url: issuer for issuer in read.issuers.values()}
            ),
            _rules=MappingProxyType(read.rules),
            _pair_rules=MappingProxyType(read.pair_rules()),
            _lists=MappingProxyType(read.lists),
            _passport_lists=MappingProxyType(read.passport_lists),
            _unusable=frozenset(read.unusable),
            _texts=MappingProxyType(
                {
                    name: documents[name]
                    for name in (_SCHEME, *map(_policy_name, read.rules))
                }
            ),
        )

    def for_training(self) -> Self:
        """Return this snapshot as officers train with it: test cards count.

        Cards of economies that are marked for tests are decided about like any other,
        and all others are ``card.test``: what trains can admit nobody, and what admits
        can train nobody. Whoever shows such a decision must say on the screen that
        nothing of it is real.

        Returns:
            A snapshot of its own, that remembers nothing; the same one if it is for
            training already.
        """
        if self.is_for_training:
            return self
        swapped = {
            url: replace(issuer, is_test=not issuer.is_test)
            for url, issuer in self._issuers.items()
        }
        return replace(self, is_for_training=True, _issuers=MappingProxyType(swapped))

    @property
    def economies(self) -> Mapping[str, str]:
        """Issuer URL by code of each economy of the scheme."""
        return MappingProxyType(self._scheme.issuers)

    @property
    def issuers(self) -> tuple[Issuer, ...]:
        """The economies whose keys are known, with them; by code."""
        return tuple(sorted(self._issuers.values(), key=lambda each: each.economy))

    def issuer_at(self, url: str) -> Issuer | None:
        """Return the economy of that issuer URL, if its keys are known."""
        return self._issuers.get(url)

    @property
    def lists(self) -> tuple[StatusList, ...]:
        """All lists that can be used, status and overlay; by address."""
        return tuple(self._lists[uri] for uri in sorted(self._lists))

    @property
    def passport_lists(self) -> tuple[PassportList, ...]:
        """The lists of reported passports that can be used; by economy."""
        return tuple(
            self._passport_lists[code] for code in sorted(self._passport_lists)
        )

    @property
    def unusable_lists(self) -> frozenset[str]:
        """Addresses of lists that were refused."""
        return self._unusable - self._lists.keys()

    def facts_of(self, economy: str) -> tuple[DatedFact, ...]:
        """Return what the documents say about an economy, each row with its source.

        For people to read: decisions are made from the same documents elsewhere.

        Args:
            economy: Alpha-3 code; one that the scheme does not name has the rules for
                any economy only.

        Returns:
            Its membership, then, if this device has the economy's own rules, what it
            demands as destination (`rules_of` tells whether), then every pair rule that
            can speak of it. In the order of the documents, past and future rows too.
        """
        return _documents.read_facts(
            economy,
            scheme=self._texts[_SCHEME],
            policy=self._texts.get(_policy_name(economy)),
        )

    def card_key(self, url: str, key_id: str) -> tuple[Issuer, TrustedKey]:
        """Return the issuer of that URL and its card key of that id.

        Raises:
            Refer: The snapshot has no such issuer, or the issuer no such key.
        """
        issuer = self._issuer_at(url)
        return issuer, _key_of(issuer.card_keys, key_id)

    def status_key(self, url: str, key_id: str) -> tuple[Issuer, TrustedKey]:
        """Return the issuer of that URL and its status key of that id.

        Raises:
            Refer: The snapshot has no such issuer, or the issuer no such key.
        """
        issuer = self._issuer_at(url)
        return issuer, _key_of(issuer.status_keys, key_id)

    def _issuer_at(self, url: str) -> Issuer:
        issuer = self._issuers.get(url)
        if issuer is None:
            raise Refer(UndecidedReason.UNKNOWN_ISSUER)
        return issuer

    def status_list(self, uri: str) -> StatusList:
        """Return the issuer list of that address.

        Raises:
            Refer: The snapshot has no such list, or the list was refused.
        """
        found = self._lists.get(uri)
        if found is not None:
            return found
        if uri in self._unusable:
            raise Refer(UndecidedReason.STATUS_UNUSABLE)
        raise Refer(UndecidedReason.STATUS_MISSING)

    def overlay_of(
        self, destination: str, issuer: Issuer, status_uri: str
    ) -> StatusList | None:
        """Return the destination's overlay over an issuer's list, if it is usable."""
        number = status_uri.removeprefix(f"{issuer.url}/status/")
        url = self._scheme.issuers.get(destination)
        if url is None:
            return None
        return self._lists.get(f"{url}/overlay/{issuer.economy}/{number}")

    def passport_list_of(self, economy: str) -> PassportList | None:
        """Return an economy's list of its reported passports, if it counts here.

        The list of a test issuer is for its own test cards: it counts where they do.
        """
        found = self._passport_lists.get(economy)
        issuer = self._issuers.get(self._scheme.issuers.get(economy, ""))
        return None if issuer is None or issuer.is_test else found

    def rules_of(self, destination: str) -> DestinationRules | None:
        """Return the rules of an economy as destination, if they are known."""
        return self._rules.get(destination)

    def membership_of(self, economy: str, moment: datetime) -> str | None:
        """Return ``full`` or ``transitional``, or None if not known."""
        membership = self._scheme.membership.get(economy)
        return membership.at(moment) if membership else None

    def pair_effect(
        self, *, issuer: str, nationality: str, destination: str, moment: datetime
    ) -> PairEffect:
        """Return what applies between three economies at a moment."""
        return pair_effect(
            self._pair_rules.get(destination, self._pair_rules[_ELSEWHERE]),
            self._scheme.own_economy,
            issuer=issuer,
            nationality=nationality,
            destination=destination,
            moment=moment,
        )


class _Reader:
    """Reads documents one by one and notes what it has to refuse."""

    def __init__(
        self, documents: Mapping[str, bytes], latest_issued_at: datetime
    ) -> None:
        self._documents = documents
        self._latest_issued_at = latest_issued_at
        self.problems: list[Problem] = []
        self._names = self._parse_names()
        self.scheme = _parse_scheme(documents)
        self.issuers = self._read_issuers()
        self.rules = self._read_rules()
        self.lists: dict[str, StatusList] = {}
        self.unusable: set[str] = set()
        self._lists_of: dict[str, int] = {}
        self._read_lists()
        self.passport_lists = self._read_passport_lists()

    def _parse_names(self) -> dict[str, re.Match[str]]:
        names: dict[str, re.Match[str]] = {}
        for name in self._documents:
            parts = DOCUMENT_NAME.fullmatch(name)
            if parts is not None:
                names[name] = parts
            elif name != _SCHEME:
                self._note(name, ValueError("not the name of a trust document"))
        return names

    def _read_issuers(self) -> dict[str, Issuer]:
        issuers: dict[str, Issuer] = {}
        for name, owner in self._of_kind("issuer"):
            try:
                issuers[owner] = _documents.parse_issuer(
                    self._documents[name], economy=owner, url=self._url_of(owner)
                )
            except ValueError as error:
                self._note(name, error)
        return issuers

    def _read_rules(self) -> dict[str, DestinationRules]:
        rules: dict[str, DestinationRules] = {}
        for name, owner in self._of_kind("policy"):
            try:
                self._url_of(owner)
                rules[owner] = _documents.parse_policy(
                    self._documents[name], economy=owner, scheme=self.scheme
                )
            except ValueError as error:
                self._note(name, error)
        return rules

    def pair_rules(self) -> dict[str, tuple[PairRule, ...]]:
        """Return the rules that can speak of each destination, the strongest first."""
        return {
            economy: rules_towards(
                economy,
                (
                    *self.scheme.pair_rules,
                    *(self.rules[economy].exclusions if economy in self.rules else ()),
                ),
            )
            for economy in (*self.scheme.issuers, _ELSEWHERE)
        }

    def _read_lists(self) -> None:
        for name, parts in self._names.items():
            if parts["kind"] or parts["passports"]:
                continue
            try:
                self._count_list(parts["owner"])
                uri = _list_uri(self._url_of(parts["owner"]), parts)
                self.unusable.add(uri)
                self.lists[uri] = self._read_list(name, parts["owner"], uri)
            except ValueError as error:
                self._note(name, error)

    def _count_list(self, owner: str) -> None:
        """Bound the memory that one economy's lists can take."""
        self._lists_of[owner] = self._lists_of.get(owner, 0) + 1
        if self._lists_of[owner] > MAX_LISTS:
            raise ValueError(f"more than {MAX_LISTS} lists of one economy")

    def _read_list(self, name: str, owner: str, uri: str) -> StatusList:
        return parse_status_list(
            self._documents[name],
            keys=self._issuer_of(owner).status_keys,
            expected_uri=uri,
            latest_issued_at=self._latest_issued_at,
        )

    def _read_passport_lists(self) -> dict[str, PassportList]:
        lists: dict[str, PassportList] = {}
        for name, owner in self._of_kind("passports"):
            try:
                lists[owner] = parse_passport_list(
                    self._documents[name],
                    economy=owner,
                    keys=self._issuer_of(owner).status_keys,
                    expected_uri=f"{self._url_of(owner)}/passports",
                    latest_issued_at=self._latest_issued_at,
                )
            except ValueError as error:
                self._note(name, error)
        return lists

    def _of_kind(self, kind: str) -> list[tuple[str, str]]:
        return [
            (name, parts["owner"])
            for name, parts in self._names.items()
            if kind in {parts["kind"], parts["passports"]}
        ]

    def _issuer_of(self, economy: str) -> Issuer:
        if economy not in self.issuers:
            raise ValueError("the keys of its economy are not usable")
        return self.issuers[economy]

    def _url_of(self, economy: str) -> str:
        if economy not in self.scheme.issuers:
            raise ValueError("scheme.json does not name this economy")
        return self.scheme.issuers[economy]

    def _note(self, name: str, error: ValueError) -> None:
        self.problems.append(Problem(document=name, detail=str(error)))


def _key_of(keys: Mapping[str, TrustedKey], key_id: str) -> TrustedKey:
    key = keys.get(key_id)
    if key is None:
        raise Refer(UndecidedReason.UNKNOWN_KEY)
    return key


def _policy_name(economy: str) -> str:
    return f"{economy}/policy.json"


def _parse_scheme(documents: Mapping[str, bytes]) -> Scheme:
    if _SCHEME not in documents:
        raise TrustError(f"{_SCHEME} is missing")
    try:
        return _documents.parse_scheme(documents[_SCHEME])
    except ValueError as error:
        raise TrustError(f"{_SCHEME}: {error}") from error


def _list_uri(url: str, parts: re.Match[str]) -> str:
    if parts["issuer"]:
        return f"{url}/overlay/{parts['issuer']}/{parts['overlay']}"
    return f"{url}/status/{parts['list']}"


def _utc(moment: datetime) -> datetime:
    """Return the same moment in UTC.

    Between two moments of one zone Python reckons by the wall clock, which is wrong by
    an hour when summer time begins or ends between them.
    """
    if moment.utcoffset() is None:
        raise TrustError("moments must be timezone-aware")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise TrustError("a moment is out of range") from error


def _latest_issued_at(issued_at: datetime, expires_at: datetime) -> datetime:
    if expires_at <= issued_at:
        raise TrustError("expires_at is not after issued_at")
    try:
        return issued_at + MAX_ISSUED_AHEAD
    except OverflowError as error:
        raise TrustError("issued_at is out of range") from error
