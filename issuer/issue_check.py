"""Compare what was signed with what was allowed: every day, and after a restore.

Three records are set beside each other: the database, the log of what a signer was
given, and the texts themselves.  What only the log knows was signed and then forgotten,
as after an older database was put back; two people take it in, by `issuer.restoring`.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.basis import Basis, bases
from issuer.issuance import Prepared
from issuer.issue_log import IssueLog, Logged
from issuer.jws import b64u
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.signing import recover_economy
from issuer.store import (
    Application,
    Card,
    Credential,
    Issue,
    IssueState,
    Preclearance,
    PreclearanceEvent,
    Role,
    StrayIndex,
)

_PAGE: Final = 1_000
_MOST: Final = 1_000
"""Records that a report names of each kind; it counts them all."""


class Nothing(Request):
    """Nothing is asked."""


class RecoveredIntents(Answer):
    """What became of what a crash left open."""

    completed: int
    voided: int
    waiting: int
    """Their signer does not answer, or the clock is wrong: try again."""


@operation(
    "issue.recover", "Complete or void what an interruption left open.", Role.ISSUING
)
def recover_open(desk: Desk, given: Nothing) -> RecoveredIntents:
    """Recover, in the name of the installation."""
    own = desk.office.system_desk(desk.economy, now=desk.now, reason=desk.reason)
    found = recover_economy(own)
    return RecoveredIntents(
        completed=found.completed, voided=found.voided, waiting=found.waiting
    )


class Reconcile(Request):
    """Compare the database with what was signed."""


class Found(Answer):
    """Records of one kind."""

    count: int
    first: tuple[str, ...]
    """The first of them, as ``issue:17`` or ``list 1, index 9``."""


class Reconciled(Answer):
    """What does not fit together; all zero is good."""

    texts: int
    """That were compared."""
    unlogged: Found
    """Issued, and not in the log."""
    unknown: Found
    """In the log, and not in the database."""
    differing: Found
    """Texts that say something else than their intent or their card's records."""
    unfounded: Found
    """Cards with credentials that no approved application is behind."""
    open_intents: int


@operation(
    "issue.reconcile",
    "Compare the database, the log of what was signed, and the texts.",
    Role.ISSUING,
    Role.AUDIT,
)
def reconcile(desk: Desk, given: Reconcile) -> Reconciled:
    """Report what was signed without a record, and recorded without a signature.

    Raises:
        AuditError: A line of the log is damaged.
        OSError: It cannot be read.
    """
    # Read first: what it has was in the database before.
    log = IssueLog(path=desk.office.installation.issue_log)
    logged = {
        (line.request_key, line.claims_sha256): line
        for line in log.read()
        if line.economy == desk.economy
    }
    report = desk.read(lambda session: _compare(session, desk, logged))

    def work(session: Session) -> Reconciled:
        answer = report.answer()
        desk.log(
            session,
            "reconciliation:done",
            f"economy:{desk.economy}",
            unknown=answer.unknown.count,
            unlogged=answer.unlogged.count,
            differing=answer.differing.count,
            unfounded=answer.unfounded.count,
        )
        return answer

    return once(desk, given, Reconciled, work)


class _Report:
    """What a comparison found, while it goes on."""

    def __init__(self) -> None:
        self.texts = 0
        self.open_intents = 0
        self.unlogged: list[str] = []
        self.differing: list[str] = []
        self.unfounded: list[str] = []
        self.strays: list[Logged] = []

    def answer(self) -> Reconciled:
        return Reconciled(
            texts=self.texts,
            unlogged=_found(self.unlogged),
            unknown=_found(
                f"list {each.list}, index {each.index}" for each in self.strays
            ),
            differing=_found(self.differing),
            unfounded=_found(self.unfounded),
            open_intents=self.open_intents,
        )


def _found(records: Iterable[str]) -> Found:
    everything = [*records]
    return Found(count=len(everything), first=tuple(everything[:_MOST]))


def _compare(
    session: Session, desk: Desk, logged: dict[tuple[str, str], Logged]
) -> _Report:
    report = _Report()
    left = dict(logged)
    for page in _pages(session, desk.economy):
        known = bases(session, desk.economy, (issue.card_id for issue, _ in page))
        answered = _ever_approved(session, [issue.card_id for issue, _ in page])
        latest = {issue.credential_id: issue.id for issue, _ in page}
        for issue, credential in page:
            line = left.pop((issue.request_key, issue.claims_sha256), None)
            if issue.state == IssueState.INTENDED:
                report.open_intents += 1
            if issue.state != IssueState.SIGNED:
                continue
            report.texts += 1
            if line is None:
                report.unlogged.append(f"issue:{issue.id}")
            basis = known[issue.card_id]
            is_latest = latest[issue.credential_id] == issue.id
            if not _says_what_it_should(issue, credential, basis, answered, is_latest):
                report.differing.append(f"issue:{issue.id}")
        session.expunge_all()
    report.strays = [line for line in left.values() if not _is_burnt(session, line)]
    report.unfounded = _unfounded(session, desk.economy)
    return report


def _pages(session: Session, economy: str) -> Iterator[list[tuple[Issue, Credential]]]:
    after = 0
    while rows := session.execute(
        select(Issue, Credential)
        .join(Credential, Credential.id == Issue.credential_id)
        .where(Issue.economy == economy, Issue.id > after)
        .order_by(Issue.id)
        .limit(_PAGE)
    ).all():
        after = rows[-1][0].id
        yield [(issue, credential) for issue, credential in rows]


def _says_what_it_should(
    issue: Issue,
    credential: Credential,
    basis: Basis,
    answered: set[tuple[int, str]],
    is_latest: bool,
) -> bool:
    payload = issue.text.split(".")[1] if issue.text else ""
    if (
        payload != b64u(issue.payload)
        or sha256(issue.payload).hexdigest() != issue.claims_sha256
    ):
        return False
    claims = Prepared(header=issue.header, payload=issue.payload).claims
    if not all((issue.card_id, code) in answered for code in claims["economies"]):
        return False
    place = claims["status"]["status_list"]["idx"]
    if (claims["document_number"], place, claims["form"]) != (
        credential.document_number,
        credential.list_index,
        credential.form,
    ):
        return False
    return not is_latest or _is_of_its_holder(claims, credential, basis)


def _is_of_its_holder(
    claims: dict[str, object], credential: Credential, basis: Basis
) -> bool:
    # Of what has ended, the records may have changed since.
    if credential.state != lifecycle.Credential.VALID or basis.passport is None:
        return True
    if credential.passport_id != basis.passport.id:
        return True  # another passport was linked; it is due to be signed anew
    person, passport = basis.person, basis.passport
    return (
        claims["family_name"] == person.machine_family_name
        and claims["given_name"] == person.machine_given_name
        and claims["birthdate"] == person.birthdate.isoformat()
        and claims["passport"]
        == {"country": passport.issuer, "number": passport.number}
    )


def _ever_approved(session: Session, cards: list[int]) -> set[tuple[int, str]]:
    approved = lifecycle.Preclearance.APPROVED
    rows = session.execute(
        select(Preclearance.card_id, Preclearance.destination)
        .join(PreclearanceEvent, PreclearanceEvent.preclearance_id == Preclearance.id)
        .where(Preclearance.card_id.in_(cards), PreclearanceEvent.after == approved)
        .distinct()
    )
    return {(card, code) for card, code in rows}


def _unfounded(session: Session, economy: str) -> list[str]:
    """Find cards with credentials whose application is missing or was not approved."""
    approved = (
        lifecycle.Application.HOME_APPROVED,
        lifecycle.Application.CIRCULATED,
        lifecycle.Application.CLOSED,
        lifecycle.Application.APPLICANT_WITHDRAWN,
    )
    founded = select(Application.id).where(
        Application.state.in_(approved), Application.decided_by.is_not(None)
    )
    rows = session.scalars(
        select(Card.id)
        .where(
            Card.economy == economy,
            Card.id.in_(
                select(Credential.card_id).where(Credential.economy == economy)
            ),
            Card.application_id.is_(None) | Card.application_id.not_in(founded),
        )
        .order_by(Card.id)
    )
    return [f"card:{key}" for key in rows]


def _is_burnt(session: Session, line: Logged) -> bool:
    return session.get(StrayIndex, (line.economy, line.list, line.index)) is not None
