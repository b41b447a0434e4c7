"""An office whose key is in a hardware module, and what the module may do to it."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from issuer import hsm as hsm_module
from issuer.api import blueprint
from issuer.issue_log import IssueLog
from issuer.keyholder import KeyHolder
from issuer.keys import KeyRecord, KeyUse
from issuer.office import Actor
from issuer.operations import all_operations
from issuer.sources import KeySource, KeySources
from tests.components import needs
from tests.issuer.back_office import KEYS_FROM, BackOffice, key_row_of
from tests.issuer.office.card_builder import CardBuilder, phone
from tests.issuer.office.settled import check_accepted, lives, settle
from tests.issuer.soft_hsm import SoftHsm
from tests.issuer.test_hsm import FAULTS
from tests.simulator import NOW

pytestmark = [needs("SoftHSM"), needs("C compiler")]
ISSUE = "/api/v1/card/issue-app"
_USES: tuple[KeyUse, ...] = ("card", "status")
TURNS = 100
"""Tenths of a second in which a repaired module has to be back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The office as programs meet it."""

    office: BackOffice
    places: KeySources
    client: FlaskClient

    def issue(self, card: int, *, key: str) -> tuple[int, dict[str, Any]]:
        answer = self.client.post(
            ISSUE,
            json={"card": card, "holder_key": phone("new")},
            headers={
                "Authorization": "Bearer x",
                "Abtc-Reason": "a test",
                "Idempotency-Key": key,
            },
        )
        assert answer.json is not None
        return answer.status_code, answer.json

    def issue_once_back(self, card: int, *, key: str) -> dict[str, Any]:
        for _ in range(TURNS):
            status, answer = self.issue(card, key=key)
            if status == 200:
                return answer
            assert status == 503
            threading.Event().wait(0.1)
        raise AssertionError("the module is not back")


@pytest.fixture
def served(
    office: BackOffice, hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    """The module has the newest key of KOR; an older one, in a file, may sign too."""
    monkeypatch.setattr(hsm_module, "_OPENING", 2.0)
    url = office.office.packaged_scheme.economy("KOR").issuer_url
    start = KEYS_FROM + timedelta(days=1)
    with hsm.open() as keys:
        made = [keys.generate_key(f"KOR-2-{use}", use) for use in _USES]
        records = [KeyRecord.of(e, issuer_url=url, signs_from=start) for e in made]

    def publish(session: Session) -> None:
        session.add_all(key_row_of("KOR", record) for record in records)

    office.store.write(publish, now=NOW)
    settings = hsm.write_settings()
    settings.write_text(settings.read_text().replace("patience = 3", "patience = 1"))
    source = KeySource(kind="pkcs11", path=settings)
    places = KeySources({"KOR": source}, passphrase=lambda _: b"")
    holder = KeyHolder(store=office.store, places=places)
    inner = replace(office.office, signers=holder)
    actor = office.desk("KOR").actor

    def authenticate(_key: str, _now: datetime) -> Actor:
        return actor

    app = Flask(__name__)
    app.register_blueprint(
        blueprint(
            inner,
            operations=all_operations(),
            authenticate=authenticate,
            clock=lambda: NOW,
        )
    )
    yield Served(
        office=BackOffice(office=inner), places=places, client=app.test_client()
    )
    places.close()


def test_l15_h3_h5_ten_faults_of_the_module_behind_an_office(
    served: Served, hsm: SoftHsm, cards: CardBuilder
) -> None:
    """Each is a 503 and releases nothing; the same request gets its card afterwards."""
    done = served.issue_once_back(cards.make(), key="first")
    for number, fault in enumerate(FAULTS.values()):
        card = cards.make()
        if "C_Sign" not in fault:
            served.places.close()  # as after an idle night
        hsm.fault(fault)
        for _ in range(3):
            assert served.issue(card, key=f"fault-{number}")[0] == 503, fault
        assert lives(served.office.store, card) == {}
        hsm.repair()
        done = served.issue_once_back(card, key=f"fault-{number}")
        assert lives(served.office.store, card) == {"app": 1}
        assert [each.text for each in cards.issues(card)] == [done["text"]]
    check_accepted(served.office, done["text"], "new")
    settle(served.office)


def test_l15_h2_a_wrong_pin_is_tried_once_whoever_asks(
    served: Served, hsm: SoftHsm, cards: CardBuilder
) -> None:
    card, before = cards.make(), hsm.count("C_Login")
    hsm.write_pin("000000")
    for number in range(4):
        status, problem = served.issue(card, key=f"key-{number}")
        assert (status, problem["code"]) == (503, "signer.refused")
    assert hsm.count("C_Login") == before + 1
    assert not cards.issues(card)


def test_h4_others_write_while_the_module_hangs(
    served: Served, hsm: SoftHsm, cards: CardBuilder
) -> None:
    """The request that hangs holds nothing that another one waits for."""
    card = cards.make()
    served.issue_once_back(cards.make(), key="first")
    log = IssueLog(path=served.office.office.installation.issue_log)
    last, answers = log.last(), []
    hsm.fault("C_Sign sleep 30")
    hangs = threading.Thread(
        target=lambda: answers.append(served.issue(card, key="hangs"))
    )
    hangs.start()
    while log.last() == last:  # the test's own limit ends this
        threading.Event().wait(0.01)
    served.office.desk("KOR").write(lambda _: None)
    assert not answers
    hangs.join()
    assert answers[0][0] == 503
    hsm.repair()
    served.issue_once_back(card, key="hangs")
    settle(served.office)
