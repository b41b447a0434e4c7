"""Issuing: what is signed, once, and never anything else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from issuer import audit, signing
from issuer.economy import Form
from issuer.errors import ClockError, Conflict, Forbidden, Invalid, SigningError
from issuer.intents import CLOCK_SLACK, Declined, Order
from issuer.issuance import Credential as SignedCard
from issuer.issuance import Prepared, Refusal, sign_many
from issuer.issue_log import IssueLog
from issuer.jws import PublicKey, public_key_from_jwk
from issuer.keyholder import HEAD_START
from issuer.keys import KeyRecord, KeyUse, Signer
from issuer.office import Desk, Office
from issuer.scheme import Scheme
from issuer.signing import Issued, issue, issue_many, recover
from issuer.signing_pool import BatchSigner
from issuer.store import AuditRow, Credential, Issue, IssueState, SigningKey, StatusList
from tests.issuer.back_office import BackOffice
from tests.issuer.office.card_builder import CardBuilder, phone
from tests.simulator import NOW

SECOND = timedelta(seconds=1)
PHONE = public_key_from_jwk(phone())


def app_order(card: int, name: str = "phone", **changes: Any) -> Order:
    key = public_key_from_jwk(phone(name))
    return replace(Order(card_id=card, form="app", holder_key=key), **changes)


def issued(desk: Desk, order: Order) -> Issued:
    return issue(desk, {"card": order.card_id}, lambda _: order)


def state_of(builder: CardBuilder, card: int) -> list[str]:
    return [each.state.value for each in builder.credentials(card)]


def lines(office: BackOffice) -> list[str]:
    log = IssueLog(path=office.office.installation.issue_log)
    return [line.claims_sha256 for line in log.read()]


@dataclass(frozen=True)
class OtherKeys:
    """The keys of an office, with its signer put into other hands."""

    inner: Any
    wrap: Any

    def signer(
        self, economy: str, use: KeyUse, *, now: Any
    ) -> tuple[Signer, KeyRecord]:
        signer, record = self.inner.signer(economy, use, now=now)
        return self.wrap(signer), record


@dataclass
class Watched:
    """A signer that says what it was asked, and may fail first."""

    signer: Signer
    asked: list[bytes]
    failures: int = 0

    @property
    def key_id(self) -> str:
        return self.signer.key_id

    @property
    def use(self) -> KeyUse:
        return self.signer.use

    @property
    def public_key(self) -> PublicKey:
        return self.signer.public_key

    def sign(self, data: bytes) -> bytes:
        self.asked.append(data)
        if self.failures:
            self.failures -= 1
            raise SigningError("the module does not answer")
        return self.signer.sign(data)


def with_signer(office: BackOffice, **options: Any) -> tuple[BackOffice, list[bytes]]:
    asked: list[bytes] = []
    made: list[Watched] = []

    def wrap(signer: Signer) -> Watched:
        if not made:
            made.append(Watched(signer, asked, **options))
        return made[0]

    inner = office.office
    other = Office(
        installation=inner.installation,
        store=inner.store,
        signers=OtherKeys(inner.signers, wrap),
        packaged_scheme=inner.packaged_scheme,
    )
    return BackOffice(office=other), asked


def test_a_card_is_intended_signed_and_recorded(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make(approved=("AUS", "SGP"), pending=("JPN",))
    done = issued(office.desk("KOR"), app_order(card))
    (row,) = cards.issues(card)
    assert (row.state, row.text, row.economies) == ("signed", done.text, "AUS SGP")
    assert state_of(cards, card) == ["valid"]
    assert lines(office) == [row.claims_sha256]
    assert done.document_number.startswith("KO")


def test_the_same_request_gets_the_same_card(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    desk = office.desk("KOR", request_key="k1")
    first = issued(desk, app_order(card))
    assert issued(desk, app_order(card)) == first
    with pytest.raises(Conflict, match=r"request\.reused"):
        issue(desk, {"card": 10**6}, lambda _: app_order(card))
    assert len(cards.issues(card)) == 1


def test_r1_a_signer_that_fails_leaves_an_intent_that_the_same_request_completes(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    broken, asked = with_signer(office, failures=1)
    desk = broken.desk("KOR", request_key="k1")
    with pytest.raises(SigningError):
        issued(desk, app_order(card))
    assert state_of(cards, card) == ["prepared"]
    with pytest.raises(Conflict, match=r"card\.issue_open"):
        issued(broken.desk("KOR"), app_order(card))
    assert issued(desk, app_order(card)).card_id == card
    assert len(set(asked)) == 1
    assert state_of(cards, card) == ["valid"]


def test_r1_recovery_completes_what_still_holds(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    broken, _ = with_signer(office, failures=1)
    with pytest.raises(SigningError):
        issued(broken.desk("KOR", request_key="k1"), app_order(card))
    found = recover(office.office, NOW + timedelta(hours=1))
    assert (found.completed, found.voided, found.waiting) == (1, 0, 0)
    assert issued(office.desk("KOR", request_key="k1"), app_order(card)).text
    assert recover(office.office, NOW + timedelta(hours=1)).completed == 0


def test_r1_recovery_waits_for_a_signer(office: BackOffice, cards: CardBuilder) -> None:
    card = cards.make()
    broken, _ = with_signer(office, failures=2)
    with pytest.raises(SigningError):
        issued(broken.desk("KOR"), app_order(card))
    assert recover(broken.office, NOW).waiting == 1
    assert state_of(cards, card) == ["prepared"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE card SET state = 'cancelled'",
        "UPDATE passport_link SET state = 'reported'",
        "UPDATE preclearance SET state = 'withdrawn' WHERE destination = 'SGP'",
        "UPDATE person SET machine_given_name = 'JOAN'",
    ],
)
def test_i3_recovery_voids_what_the_card_no_longer_says(
    office: BackOffice, cards: CardBuilder, change: str
) -> None:
    card = cards.make()
    broken, asked = with_signer(office, failures=1)
    with pytest.raises(SigningError):
        issued(broken.desk("KOR", request_key="k1"), app_order(card))
    office.store.write(lambda session: session.execute(text(change)), now=NOW)
    before = len(asked)
    assert recover(broken.office, NOW).voided == 1
    assert len(asked) == before
    assert state_of(cards, card) == ["void"]
    with pytest.raises(Conflict, match=r"issue\.void"):
        issued(office.desk("KOR", request_key="k1"), app_order(card))


def test_a_card_that_ended_while_the_key_worked_is_not_released(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    asked: list[bytes] = []

    class Cancels(Watched):
        def sign(self, data: bytes) -> bytes:
            cancel = text("UPDATE card SET state = 'cancelled'")
            office.store.write(lambda session: session.execute(cancel), now=NOW)
            return super().sign(data)

    inner = office.office
    cancelling = BackOffice(
        office=replace(
            inner, signers=OtherKeys(inner.signers, lambda s: Cancels(s, asked))
        )
    )
    with pytest.raises(Conflict, match=r"card\.not_active"):
        issued(cancelling.desk("KOR"), app_order(card))
    (row,) = cards.issues(card)
    assert (row.state, row.text) == (IssueState.VOID, None)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE passport SET number = 'OTHER1'",
        "UPDATE preclearance SET state = 'withdrawn' WHERE destination = 'SGP'",
        "UPDATE person SET machine_given_name = 'JOAN'",
        "UPDATE person SET birthdate = '1980-05-05'",
        "UPDATE passport SET issuer = 'SGP'",
        "UPDATE card SET expires_at = '2031-01-15 23:59:59+00'",
    ],
)
@pytest.mark.parametrize("form", ["app", "physical"])
def test_i3_a_card_that_says_something_else_by_now_is_not_released(
    office: BackOffice, cards: CardBuilder, change: str, form: Form
) -> None:
    """Another officer changes the card while the key works on the old text."""
    card = cards.make()

    class Changes(Watched):
        def sign(self, data: bytes) -> bytes:
            office.store.write(lambda session: session.execute(text(change)), now=NOW)
            return super().sign(data)

    inner = office.office
    keys = OtherKeys(inner.signers, lambda signer: Changes(signer, []))
    changing = BackOffice(office=replace(inner, signers=keys))
    order = app_order(card) if form == "app" else Order(card_id=card, form=form)
    with pytest.raises(Conflict, match=r"issue\.unfounded"):
        issued(changing.desk("KOR"), order)
    assert state_of(cards, card) == ["void"]
    assert [each.text for each in cards.issues(card)] == [None]


def test_i3_a_scheme_that_changes_meanwhile_counts_too(
    office: BackOffice, cards: CardBuilder
) -> None:
    """A new version of it is approved while the key works on the old text."""
    card = cards.make()
    text_of_it = files("issuer").joinpath("scheme.toml").read_text("utf-8")
    other = Scheme.from_toml(text_of_it.replace("example/KOR", "example/korea"))

    class Changes(Watched):
        def sign(self, data: bytes) -> bytes:
            changing.packaged_scheme = other
            return super().sign(data)

    inner = office.office
    keys = OtherKeys(inner.signers, lambda signer: Changes(signer, []))
    changing = replace(inner, signers=keys)
    with pytest.raises(Conflict, match=r"issue\.unfounded"):
        issued(BackOffice(office=changing).desk("KOR"), app_order(card))
    assert state_of(cards, card) == ["void"]
    assert [each.text for each in cards.issues(card)] == [None]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE card SET state = 'suspended'", "card.not_active"),
        ("UPDATE card SET approved_by = NULL", "card.not_approved"),
        ("UPDATE card SET expires_at = '2030-01-15 12:00:00+00'", "card.expired"),
        ("UPDATE passport_link SET state = 'reported'", "passport.reported"),
        ("UPDATE passport_link SET state = 'ended'", "passport.none"),
        ("UPDATE passport SET expires_on = '2031-01-01'", "profile.exp"),
    ],
)
def test_nothing_is_signed_for_a_card_that_may_not_be(
    office: BackOffice, cards: CardBuilder, statement: str, code: str
) -> None:
    card = cards.make()
    if office.store.engine.dialect.name == "sqlite":
        statement = statement.replace("12:00:00+00", "12:00:00.000000")
    office.store.write(lambda s: s.execute(text(statement)), now=NOW)
    watched, asked = with_signer(office)
    with pytest.raises(Conflict) as refused:
        issued(watched.desk("KOR"), app_order(card))
    assert refused.value.code == code
    assert (asked, cards.issues(card), lines(office)) == ([], [], [])


def test_i1_who_approved_a_card_does_not_issue_it(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    with pytest.raises(Forbidden) as refused:
        issued(office.desk("KOR", who="bob"), app_order(card))
    assert refused.value.rule == "ck_issue_four_eyes"


def test_t7_a_clock_that_was_set_back_signs_nothing(
    office: BackOffice, cards: CardBuilder
) -> None:
    first, second = cards.make(), cards.make()
    issued(office.desk("KOR"), app_order(first))
    late = office.desk("KOR", now=NOW - CLOCK_SLACK - SECOND)
    with pytest.raises(ClockError):
        issued(late, app_order(second))
    assert cards.issues(second) == []


def test_t7_a_request_that_began_earlier_is_dated_like_the_last_one(
    office: BackOffice, cards: CardBuilder
) -> None:
    first, second = cards.make(), cards.make()
    issued(office.desk("KOR"), app_order(first))
    issued(office.desk("KOR", now=NOW - SECOND), app_order(second))
    assert cards.issues(second)[0].intended_at == NOW


def test_t7_recovery_does_not_sign_before_the_last_card_either(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    broken, asked = with_signer(office, failures=1)
    with pytest.raises(SigningError):
        issued(broken.desk("KOR"), app_order(card))
    before = len(asked)
    assert recover(broken.office, NOW - timedelta(days=1)).waiting == 1
    assert len(asked) == before


@pytest.mark.parametrize(
    ("published", "allowed"),
    [(NOW - HEAD_START, True), (NOW - HEAD_START + SECOND, False), (None, False)],
)
def test_i7_a_key_signs_24_hours_after_it_was_published(
    office: BackOffice, cards: CardBuilder, published: Any, allowed: bool
) -> None:
    card = cards.make()
    office.store.write(
        lambda session: session.execute(
            update(SigningKey).values(published_at=published)
        ),
        now=NOW,
    )
    watched, asked = with_signer(office)
    if allowed:
        assert issued(watched.desk("KOR"), app_order(card)).text
    else:
        with pytest.raises((ClockError, Conflict)):
            issued(watched.desk("KOR"), app_order(card))
        assert asked == []


def test_i7_a_key_that_differs_from_the_one_published_signs_nothing(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    office.store.write(
        lambda session: session.execute(
            update(SigningKey)
            .where(SigningKey.economy == "KOR", SigningKey.use == "card")
            .values(public_key='{"kty":"EC"}')
        ),
        now=NOW,
    )
    with pytest.raises(Conflict, match=r"key\.unpublished"):
        issued(office.desk("KOR"), app_order(card))


def test_i5_one_operator_issues_so_many_in_an_hour(
    office: BackOffice, cards: CardBuilder
) -> None:
    limits = office.office.installation.limits.model_copy(update={"issue": 2})
    installation = office.office.installation.model_copy(update={"limits": limits})
    slow = BackOffice(office=replace(office.office, installation=installation))
    for _ in range(2):
        issued(slow.desk("KOR"), app_order(cards.make()))
    with pytest.raises(Conflict, match=r"limit\.operator"):
        issued(slow.desk("KOR"), app_order(cards.make()))
    issued(slow.desk("KOR", who="eve"), app_order(cards.make()))
    later = slow.desk("KOR", now=NOW + timedelta(hours=1))
    issued(later, app_order(cards.make()))


def test_r3_the_next_list_opens_at_80_percent(
    office: BackOffice, cards: CardBuilder
) -> None:
    def small(session: Session) -> None:
        session.add(
            StatusList(
                economy="KOR", number=1, capacity=2**17, used=2**17 * 8 // 10,
                opened_at=NOW,
            )
        )  # fmt: skip

    office.store.write(small, now=NOW)
    done = issued(office.desk("KOR"), app_order(cards.make()))
    assert done.list_number == 1
    done = issued(office.desk("KOR"), app_order(cards.make()))
    assert done.list_number == 2


def test_r5_a_database_that_is_older_than_the_log_issues_nothing(
    office: BackOffice, cards: CardBuilder
) -> None:
    """After a restore: what was signed since might get the same index again."""
    known, card = cards.make(), cards.make()
    issued(office.desk("KOR"), app_order(known))
    log = IssueLog(path=office.office.installation.issue_log)
    (line,) = log.read()
    log.append([replace(line, request_key="lost", claims_sha256="0" * 64, index=1)])
    with pytest.raises(Conflict, match=r"log\.ahead"):
        issued(office.desk("KOR"), app_order(card))


def test_a_batch_declines_one_and_issues_the_others(
    office: BackOffice, cards: CardBuilder
) -> None:
    good = cards.make_many(3)
    bad = cards.make(economy="SGP")
    desk = office.office.system_desk("KOR", now=NOW, reason="a test")
    orders = [(f"k{card}", app_order(card)) for card in (good[0], bad, *good[1:])]
    results = issue_many(desk, orders)
    assert [type(each) for each in results] == [Issued, Declined, Issued, Issued]
    assert issue_many(desk, orders) == results
    assert len(lines(office)) == 3
    places = {
        (one.list_number, one.list_index) for one in results if type(one) is Issued
    }
    assert len(places) == 3


def test_a_batch_that_names_a_card_twice_issues_it_once(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    desk = office.office.system_desk("KOR", now=NOW, reason="a test")
    orders = [("a", app_order(card)), ("b", app_order(card, "other"))]
    first, second = issue_many(desk, orders)
    assert isinstance(first, Issued)
    assert isinstance(second, Declined)
    assert second.code == "card.issue_open"


def test_every_step_is_in_the_log(office: BackOffice, cards: CardBuilder) -> None:
    card = cards.make()
    issued(office.desk("KOR"), app_order(card))
    tags = office.store.read(
        lambda session: session.scalars(
            select(AuditRow.tag).order_by(AuditRow.seq)
        ).all()
    )
    assert tags == [
        "credential:prepared", "issue:intended", "credential:sign", "issue:signed",
    ]  # fmt: skip
    *_, end = office.store.read(lambda session: [*audit.verify(session, "KOR")])
    assert end == 4


def test_s10_what_was_drawn_is_not_drawn_again(
    office: BackOffice, cards: CardBuilder
) -> None:
    """Also not what was voided, and not what only the log knows."""

    def occupied(session: Session) -> list[tuple[int, int]]:
        return [*session.execute(select(Credential.list_number, Credential.list_index))]

    desk = office.office.system_desk("KOR", now=NOW, reason="a test")
    issue_many(desk, [(f"k{c}", app_order(c)) for c in cards.make_many(40)])
    places = office.store.read(occupied)
    assert len(set(places)) == 40
    with pytest.raises(Forbidden) as refused:
        office.store.write(
            lambda session: session.execute(
                update(Credential).values(list_index=places[0][1], list_number=1)
            ),
            now=NOW,
        )
    assert refused.value.rule in (
        "tr_credential_binding",
        "uq_credential_economy_list_number_list_index",
    )


def open_issues(session: Session) -> Sequence[int]:
    return session.scalars(
        select(Issue.id).where(Issue.state == IssueState.INTENDED)
    ).all()


def test_i3_the_database_takes_no_intent_without_an_approval(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    issued(office.desk("KOR"), app_order(card))

    def forge(session: Session) -> None:
        columns = (
            "economy, card_id, credential_id, header, payload, claims_sha256,"
            " economies, key_id, request_digest, intended_at"
        )
        session.execute(
            text(
                f"INSERT INTO issue ({columns}, requested_by, state, request_key)"  # noqa: S608
                f" SELECT {columns}, requested_by, 'intended', 'forged' FROM issue"
            )
        )

    with pytest.raises(Forbidden) as refused:
        office.store.write(forge, now=NOW)
    assert refused.value.rule == "ck_issue_approved"


def in_this_process(office: BackOffice) -> BatchSigner:
    """What a pool of processes does, without them."""
    signer, _ = office.office.signers.signer("KOR", "card", now=NOW)

    def sign(
        prepared: Sequence[Prepared],
        *,
        key: KeyRecord,
        now: datetime,
        last_issued_at: datetime | None,
    ) -> list[SignedCard | Refusal]:
        return sign_many(
            prepared, signer, key=key, now=now, last_issued_at=last_issued_at
        )

    return sign


def test_a_long_batch_is_signed_while_the_next_part_is_taken(
    office: BackOffice, cards: CardBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is in the log before its key works, and all come back in order."""
    monkeypatch.setattr(signing, "BATCH", 3)
    made = cards.make_many(8)
    desk = office.office.system_desk("KOR", now=NOW, reason="a test")
    orders = [(f"k{card}", app_order(card)) for card in made]
    again = ("again", app_order(made[0], "other"))
    sign = in_this_process(office)
    results = issue_many(desk, [*orders[:3], again, *orders[3:]], sign=sign)
    assert [each.card_id for each in results] == [*made[:3], made[0], *made[3:]]
    assert isinstance(results[3], Declined)
    assert results[3].code == "card.has_app"
    assert len(lines(office)) == 8
    assert issue_many(desk, orders, sign=sign) == [*results[:3], *results[4:]]


def test_r1_what_stops_a_batch_leaves_nothing_signed_unrecorded(
    office: BackOffice, cards: CardBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The part that was being signed meanwhile is recorded all the same."""
    monkeypatch.setattr(signing, "BATCH", 2)
    made = cards.make_many(4)
    desk = office.office.system_desk("KOR", now=NOW, reason="a test")
    orders = [(f"k{card}", app_order(card)) for card in made]
    orders[3] = ("x" * 81, orders[3][1])
    with pytest.raises(Invalid):
        issue_many(desk, orders, sign=in_this_process(office))
    assert [state_of(cards, card) for card in made] == [["valid"], ["valid"], [], []]
    assert recover(office.office, NOW).completed == 0
