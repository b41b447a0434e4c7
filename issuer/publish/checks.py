"""What may follow on what was published: pure, and the same for every caller.

Some refusals are final.  Those that shrink the repository are returned instead, for
two people to approve.
"""

import base64
import json
import unicodedata
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import verifier
from issuer.errors import PublishRefused
from issuer.passport_list import PassportList
from issuer.publish.moments import moment_of, whole_second
from issuer.publish.names import SCHEME, is_list, is_passport_list, is_status_list
from issuer.publish.refusals import Refusal

Documents = Mapping[str, bytes]
"""Content by name, as in section 7 of the specification."""

APPROVERS: Final = 2
"""How many different people approve what shrinks the repository."""

_BITS: Final = 2
_LOW_BITS: Final = b"\x55"
"""The low bit of each of four entries: set in 1 (revoked) and 3 (superseded)."""
_KEYS_LOST: Final = 5
"""One key in so many is too much to lose without approval."""

_MAX_AHEAD: Final = timedelta(minutes=5)
"""How much later than the publication a document may be dated, as for lists."""
_UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, zlib.error)
"""What reading a document raises that no verifier has passed."""


MAX_DOCUMENT: Final = 4 * 2**20
"""Bytes of one document that a device takes."""
MAX_DOCUMENTS: Final = 1024
"""Documents of one role that a device takes."""
MAX_TOGETHER: Final = 16 * 2**20
"""Bytes of all documents of one role that a device takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrink:
    """Something that would go; two people may approve it."""

    code: Refusal
    detail: str


def check_usable(
    documents: Documents, *, changed: frozenset[str], now: datetime
) -> None:
    """Refuse documents that a verifier would refuse, or that are useless already.

    Args:
        documents: The scheme, and every document that the new ones depend on or that
            depends on them.
        changed: Names of the new ones, among ``documents``.
        now: The moment of publication.

    Raises:
        PublishRefused: ``document.refused``, ``list.bits`` or ``list.ended``.
    """
    try:
        trust = verifier.Trust.from_documents(
            documents,
            version=1,
            issued_at=whole_second(now),
            expires_at=whole_second(now) + timedelta(days=1),
        )
    except verifier.TrustError as error:
        raise PublishRefused(Refusal.DOCUMENT_REFUSED, str(error)) from error
    for problem in trust.problems:
        raise PublishRefused(
            Refusal.DOCUMENT_REFUSED, f"{problem.document}: {problem.detail}"
        )
    for name in sorted(changed):
        if is_passport_list(name):
            _check_not_ended(name, _claims(documents[name])["exp"], now)
        elif is_list(name):
            _check_list(name, _List.of(documents[name]), now)
        else:
            _check_json(name, json.loads(documents[name]), now)


def check_sizes(role: str, documents: Documents) -> None:
    """Refuse more than a device takes of one role (specification, section 7.4).

    Raises:
        PublishRefused: ``document.refused``.
    """
    sizes = {name: len(data) for name, data in documents.items()}
    together = sum(sizes.values())
    if len(sizes) > MAX_DOCUMENTS or together > MAX_TOGETHER:
        raise PublishRefused(
            Refusal.DOCUMENT_REFUSED,
            f"{role} lists {len(sizes):,} documents, {together:,} bytes, and a device "
            f"takes {MAX_DOCUMENTS:,} of {MAX_TOGETHER:,}",
        )
    for name, size in sizes.items():
        if size > MAX_DOCUMENT:
            raise PublishRefused(
                Refusal.DOCUMENT_REFUSED,
                f"{name} has {size:,} bytes, and a device takes {MAX_DOCUMENT:,}",
            )


def check_key_owners(economy: str, documents: Documents, others: Documents) -> None:
    """Refuse a card or status key that another economy publishes too.

    Args:
        economy: Whose documents are new.
        documents: The new ones, with its ``issuer.json``; `check_usable` has passed
            them.
        others: Each ``issuer.json`` of the other economies, as published.

    Raises:
        PublishRefused: ``key.reused``.
    """
    ours = {_point(key) for key in _keys(documents[f"{economy}/issuer.json"])}
    for name, document in others.items():
        try:
            theirs = {_point(key) for key in _keys(document)}
        except _UNREADABLE:
            continue  # a thief of the other's key wrote it; no verifier believes it
        if ours & theirs:
            raise PublishRefused(
                Refusal.KEY_REUSED, f"{economy} lists a key of {name[:3]}"
            )


def compare(before: Documents, after: Documents) -> tuple[Shrink, ...]:
    """Hold new documents of one role against those that they replace.

    Equal bytes are no change.  What was never there before follows on nothing.

    Args:
        before: What the role has published, with what was taken away and comes back.
        after: All that it will have published; `check_usable` has passed them.

    Returns:
        What would go, in the order of names; empty where nothing does.

    Raises:
        PublishRefused: ``back.document``, ``back.list`` or ``list.unrevoked``;
            ``repository.damaged`` if what was published cannot be read.
    """
    shrinks: list[Shrink] = []
    for name in sorted(before):
        if name not in after:
            shrinks.append(
                Shrink(code=Refusal.SHRINK_DOCUMENT, detail=f"{name} would go")
            )
        elif before[name] != after[name]:
            shrinks += _compare_one(name, before[name], after[name])
    return tuple(shrinks)


def check_approved(shrinks: tuple[Shrink, ...], approvals: frozenset[str]) -> None:
    """Refuse what shrinks the repository, unless two people have approved.

    Names that look alike but for case, width and white space are one person's.

    Raises:
        PublishRefused: The code of the first of ``shrinks``.
    """
    people = {_person(name) for name in approvals} - {""}
    if shrinks and len(people) < APPROVERS:
        raise PublishRefused(
            shrinks[0].code, f"{shrinks[0].detail}; {APPROVERS} people must approve"
        )


def _person(name: str) -> str:
    """Return a name as people tell names apart: NFKC, one case, nothing invisible."""
    seen = "".join(each for each in name if unicodedata.category(each) != "Cf")
    folded = unicodedata.normalize("NFKC", seen).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def read_list(token: bytes) -> tuple[datetime, bytes]:
    """Return the ``iat`` and the entries of a list that was published from here.

    Args:
        token: As `Repository.documents` gives it: its role has signed it.

    Raises:
        PublishRefused: ``repository.damaged``: it cannot be read.
    """
    try:
        found = _List.of(token)
        return datetime.fromtimestamp(found.iat, UTC), found.entries
    except _UNREADABLE as error:
        raise PublishRefused(
            Refusal.REPOSITORY_DAMAGED, "a list as published is not readable"
        ) from error


def economies_in(scheme: bytes) -> frozenset[str]:
    """Return the codes in ``scheme.json``; `check_usable` has passed it."""
    return frozenset(row["code"] for row in json.loads(scheme)["economies"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    """A list whose signature has been checked, here or before."""

    iat: int
    exp: int
    bits: int
    entries: bytes

    @classmethod
    def of(cls, token: bytes) -> "_List":
        claims = _claims(token)
        body = claims["status_list"]
        return cls(
            iat=claims["iat"],
            exp=claims["exp"],
            bits=body["bits"],
            entries=zlib.decompress(_b64(body["lst"].encode())),
        )


def _check_list(name: str, new: _List, now: datetime) -> None:
    if new.bits != _BITS:
        raise PublishRefused(
            Refusal.LIST_BITS, f"{name} has {new.bits} bits an entry, not {_BITS}"
        )
    _check_not_ended(name, new.exp, now)


def _check_not_ended(name: str, exp: int, now: datetime) -> None:
    if exp <= now.timestamp():
        raise PublishRefused(Refusal.LIST_ENDED, f"{name} has ended")


def _check_json(name: str, new: Mapping[str, Any], now: datetime) -> None:
    """Refuse a date in the future: no later document could follow on it."""
    issued_at = _issued_at(new)
    if issued_at and issued_at > now + _MAX_AHEAD:
        raise PublishRefused(
            Refusal.DOCUMENT_REFUSED, f"{name}: issued_at is after this publication"
        )


def _compare_one(name: str, before: bytes, after: bytes) -> list[Shrink]:
    try:
        if is_passport_list(name):
            return _compare_passports(name, before, after)
        if is_list(name):
            return _compare_lists(name, before, after)
        return _compare_json(name, before, after)
    except _UNREADABLE as error:
        raise PublishRefused(
            Refusal.REPOSITORY_DAMAGED, f"{name} as published is not readable"
        ) from error


def _compare_lists(name: str, before: bytes, after: bytes) -> list[Shrink]:
    old, new = _List.of(before), _List.of(after)
    _check_is_later(name, old.iat, new.iat)
    if is_status_list(name) and not _keeps_final(old.entries, new.entries):
        raise PublishRefused(
            Refusal.LIST_UNREVOKED,
            f"{name}: what was revoked or superseded would come back",
        )
    if len(new.entries) < len(old.entries):
        return [Shrink(code=Refusal.SHRINK_LIST, detail=f"{name} would get shorter")]
    if any(old.entries) and not any(new.entries):
        return [Shrink(code=Refusal.SHRINK_EMPTIED, detail=f"{name} would be empty")]
    return []


def _check_is_later(name: str, before: int, after: int) -> None:
    if after <= before:
        raise PublishRefused(
            Refusal.BACK_LIST,
            f"{name}: one of this second is published; publish again in a second"
            if after == before
            else f"{name}: iat {after} is not after {before}",
        )


def _compare_passports(name: str, before: bytes, after: bytes) -> list[Shrink]:
    """Passports end and leave the list one by one; many at once are no matter of days.

    Under another salt nobody can tell which are gone, and the numbers are compared.
    """
    (old_at, old), (new_at, new) = PassportList.read(before), PassportList.read(after)
    _check_is_later(name, int(old_at.timestamp()), int(new_at.timestamp()))
    if old and not new:
        return [Shrink(code=Refusal.SHRINK_EMPTIED, detail=f"{name} would be empty")]
    gone = len(old) - len(new)
    if old.salt == new.salt:
        gone = len(old.each - new.each)
    if gone * _KEYS_LOST >= len(old) > 0:
        detail = f"{name}: {gone:,} of {len(old):,} passports go"
        return [Shrink(code=Refusal.SHRINK_LIST, detail=detail)]
    return []


def _keeps_final(before: bytes, after: bytes) -> bool:
    """Tell whether every entry that is 1 or 3 stays; beyond the end of ``after``, too.

    As whole numbers: a list of 2**20 entries takes milliseconds.
    """
    old = int.from_bytes(before, "little")
    new = int.from_bytes(after, "little")
    is_final = old & int.from_bytes(_LOW_BITS * len(before), "little")
    both_bits = is_final | is_final << 1
    return old & both_bits == new & both_bits


def _compare_json(name: str, before: bytes, after: bytes) -> list[Shrink]:
    _check_later(name, json.loads(before), json.loads(after))
    if name == SCHEME:
        gone = economies_in(before) - economies_in(after)
        return [
            Shrink(code=Refusal.SHRINK_ECONOMY, detail=f"{economy} would go")
            for economy in sorted(gone)
        ]
    if name.endswith("/issuer.json"):
        return _compare_keys(name, before, after)
    return []


def _check_later(name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Compare ``issued_at``, which a document need not have; one that had it has it."""
    old, new = _issued_at(before), _issued_at(after)
    if old and not (new and old < new):
        raise PublishRefused(
            Refusal.BACK_DOCUMENT,
            f"{name}: one of this second is published; publish again in a second"
            if new == old
            else f"{name}: issued_at is not after the published one",
        )


def _issued_at(document: Mapping[str, Any]) -> datetime | None:
    try:
        return moment_of(document.get("issued_at"))
    except ValueError:
        return None


def _compare_keys(name: str, before: bytes, after: bytes) -> list[Shrink]:
    old, new = (
        {(key["kid"], _point(key)) for key in _keys(document)}
        for document in (before, after)
    )
    lost = len(old - new)
    if lost and lost * _KEYS_LOST >= len(old):
        return [
            Shrink(
                code=Refusal.SHRINK_KEYS, detail=f"{name}: {lost} of {len(old)} keys go"
            )
        ]
    return []


def _keys(document: bytes) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(document)["keys"]
    return keys


def _point(key: Mapping[str, Any]) -> tuple[str, str]:
    return key["jwk"]["x"], key["jwk"]["y"]


def _claims(token: bytes) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(_b64(token.split(b".")[1]))
    return claims


def _b64(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
