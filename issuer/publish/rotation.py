"""Replacing keys so that the repository can be read at every moment."""

from collections.abc import Sequence

from issuer.errors import PublishRefused
from issuer.publish.draft import KEYS_OF, Draft
from issuer.publish.names import ROOT, TARGETS, TIMESTAMP
from issuer.publish.refusals import Refusal
from issuer.publish.repository import Repository
from issuer.publish.submission import RoleKey


def rotate(
    draft: Draft, role: str, retire: str | None, brought: RoleKey | None
) -> None:
    """Give a role a new key in place of an old one; see `Publisher.rotate_key`.

    Raises:
        PublishRefused: As for `Publisher.rotate_key`.
    """
    retired = _retired(draft.repository, role, retire)
    if brought:
        _rotate_to(draft, role, retired, brought)
    elif role == ROOT:
        _rotate_root(draft, retired)
    elif role in draft.root.roles:
        _rotate_top(draft, role, retired)
    else:
        _rotate_economy(draft, role, retired)


def _rotate_root(draft: Draft, retired: Sequence[str]) -> None:
    draft.add_key(ROOT)
    for key_id in retired:
        draft.revoke_key(ROOT, key_id)
    draft.sign_root()


def _rotate_top(draft: Draft, role: str, retired: Sequence[str]) -> None:
    key_ids = draft.root.roles[role].keyids
    # An interrupted rotation has left its new key: that one is enough.
    if len(key_ids) <= KEYS_OF[role] or len(retired) == len(key_ids):
        draft.add_key(role)
        draft.sign_root()
    if role == TARGETS:
        draft.sign_targets(TARGETS)
    if role != TIMESTAMP:
        draft.sign_snapshot()
    draft.sign_timestamp()
    for key_id in retired:
        draft.revoke_key(role, key_id)
    draft.sign_root()


def _rotate_economy(draft: Draft, economy: str, retired: Sequence[str]) -> None:
    draft.add_key(economy)
    for key_id in retired:
        draft.revoke_key(economy, key_id)
    draft.sign_targets(economy)
    draft.sign_targets(TARGETS)
    draft.seal()


def _rotate_to(
    draft: Draft, role: str, retired: Sequence[str], brought: RoleKey
) -> None:
    draft.take_key(role, brought)
    for key_id in retired:
        draft.revoke_key(role, key_id)
    draft.adopt(role, brought.role)
    draft.sign_targets(TARGETS)
    draft.seal()


def _retired(repository: Repository, role: str, begins: str | None) -> tuple[str, ...]:
    if role not in repository.root.signed.roles and role not in repository.targets:
        raise PublishRefused(Refusal.ECONOMY_UNKNOWN, f"{role!r} is no role")
    key_ids = repository.parent(role).get_delegated_role(role).keyids
    if begins is None and role not in (ROOT, TARGETS):
        return tuple(key_ids)
    found = tuple(each for each in key_ids if begins and each.startswith(begins))
    if len(found) != 1:
        raise PublishRefused(
            Refusal.KEY_UNKNOWN, f"{len(found)} keys of {role} begin with {begins!r}"
        )
    return found
