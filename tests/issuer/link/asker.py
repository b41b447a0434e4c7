"""An office that asks SGP, which is hosted elsewhere, and SGP's key to answer with.

asker = Asker(back_office)
asker.open()                                   # a link from AUS to SGP
case = asker.flow.circulated()
asker.answers("approve", asker.question(case).reference, seq=2)
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

import verifier
from issuer.applications import Moved
from issuer.documents import issuer_document, scheme_document
from issuer.keys import KeyRecord, Signer
from issuer.link.incoming import Applied, apply_page
from issuer.link.outgoing import note_questions, note_told, take_news, take_questions
from issuer.link.protocol import FeedRow, RowResult
from issuer.office import Desk
from issuer.statements import Decision, sign_statement
from issuer.store import LinkDecision, LinkPartner, LinkQuestion
from tests.issuer.back_office import SCHEME, BackOffice, FileKeys
from tests.issuer.office.flow import Flow, rows
from tests.simulator import NOW

AFTER = {
    "approve": "approved", "refuse": "not_approved", "reconsider": "approved",
    "suspend": "suspended", "reinstate": "approved", "withdraw": "withdrawn",
}  # fmt: skip
TAKEN = RowResult(status=200)


@dataclass(slots=True)
class Asker:
    office: BackOffice
    folder: Path
    destination: str = "SGP"
    flow: Flow = field(init=False)
    keys: FileKeys = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        self.flow = Flow(self.office)
        self.keys = FileKeys(folder=self.folder / "elsewhere", scheme=SCHEME)

    def desk(self, now: datetime = NOW) -> Desk:
        return self.office.office.system_desk("AUS", now=now, reason="a test")

    def open(self) -> Any:
        return self.flow.do("link.open", destination=self.destination)

    def asked(self, **person: str) -> Moved:
        """Circulate somebody new, and have the question taken there."""
        case = self.flow.circulated(**person)
        self.send()
        return case

    def questions(self, case: Moved) -> list[LinkQuestion]:
        found: list[LinkQuestion] = self.office.store.read(
            lambda session: rows(
                session, LinkQuestion, card_id=case.card, destination=self.destination
            )
        )
        return sorted(found, key=lambda each: each.id)

    def question(self, case: Moved) -> LinkQuestion:
        return self.questions(case)[-1]

    def state(self, case: Moved) -> str:
        return self.flow.lane(case, self.destination).state

    def send(self, now: datetime = NOW) -> list[dict[str, Any]]:
        """Deliver everything that waits; return what was said."""
        said: list[dict[str, Any]] = []
        looked = 1
        while looked:
            looked, sent = take_questions(self.desk(now), self.destination, limit=100)
            note_questions(self.desk(now), sent, [TAKEN] * len(sent))
            said += [dict(each.fields) for each in sent]
        looked = 1
        while looked:
            looked, sent = take_news(self.desk(now), self.destination, limit=100)
            for each in sent:
                fields = dict(each.fields)
                note_told(self.desk(now), each, fields.pop("revision"))
                said.append({"reference": each.reference, **fields})
        return said

    def key(self) -> tuple[Signer, KeyRecord]:
        return self.keys.signer(self.destination, "status", now=NOW)

    def statement(self, *decisions: Decision, by: str = "", at: datetime = NOW) -> str:
        economy = by or self.destination
        signer, record = self.keys.signer(economy, "status", now=NOW)
        url = SCHEME.economy(economy).issuer_url
        return sign_statement(decisions, iss=url, iat=at, signer=signer, record=record)

    def trust(self, *economies: str, test: bool = False) -> verifier.Trust:
        """Trust data that has the keys of some economies; SGP's if none is named."""
        documents = {"scheme.json": scheme_document(SCHEME, issued_at=NOW)}
        for code in economies or (self.destination,):
            records = [
                self.keys.signer(code, use, now=NOW)[1] for use in ("card", "status")
            ]
            documents[f"{code}/issuer.json"] = issuer_document(
                SCHEME, code, keys=records, issued_at=NOW, is_test=test
            )
        return verifier.Trust.from_documents(
            documents, version=1, issued_at=NOW, expires_at=NOW.replace(year=2031)
        )

    def takes(self, *texts: str, trust: verifier.Trust | None = None) -> Applied:
        """Apply texts as the next rows of the feed."""
        page = [self.row(text) for text in texts]
        applied = apply_page(
            self.desk(), self.destination, behind=self.position(), page=page,
            trust=trust or self.trust(),
        )  # fmt: skip
        assert applied is not None
        return applied

    def answers(self, event: str, reference: str, *, seq: int) -> Applied:
        return self.takes(self.statement(said(event, reference, seq=seq)))

    def row(self, text: str) -> FeedRow:
        self._count += 1
        return FeedRow(cursor=f"c{self._count:06}", statement=text, at="")

    def position(self) -> str:
        key = ("AUS", self.destination)
        partner: LinkPartner = self.office.store.read(
            lambda session: session.get_one(LinkPartner, key)
        )
        return partner.position

    def problems(self) -> list[str]:
        found = self.flow.do("link.problems", destination=self.destination)
        return [each.problem for each in found.refused]

    def outcomes(self) -> list[str]:
        query = select(LinkDecision.outcome).order_by(
            LinkDecision.answer_id, LinkDecision.ordinal
        )
        return self.office.store.read(lambda session: [*session.scalars(query)])


def said(event: str, reference: str, *, seq: int, issuer: str = "AUS") -> Decision:
    return Decision(
        issuer=issuer, card=reference, seq=seq, event=event, after=AFTER[event]
    )
