"""What becomes of a card: every route, each with what must not happen beside it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

import verifier
from issuer import card_issuing, lifecycle, signing
from issuer.errors import Conflict, Forbidden, IllegalTransition, Invalid, NotFound
from issuer.issuance import Prepared, sign_many
from issuer.keys import KeyRecord, KeyUse, Signer
from issuer.office import Desk, SignerSource
from issuer.operations import all_operations
from issuer.scheme import Scheme
from issuer.signing_pool import BatchSigner
from issuer.store import Plastic, Preclearance, Suspension
from tests.issuer.back_office import BackOffice
from tests.issuer.office.card_builder import (
    APPROVED,
    FIRST_ISSUED,
    CardBuilder,
    phone,
)
from tests.simulator import NOW

DAY = timedelta(days=1)


def do(desk: Desk, name: str, **fields: Any) -> Any:
    return all_operations()[name].perform(desk, fields)


def codes_of(error: pytest.ExceptionInfo[Any]) -> str:
    value = error.value
    return str(getattr(value, "code", None) or getattr(value, "reason", value))


def refusal(desk: Desk, name: str, **fields: Any) -> str:
    with pytest.raises((Conflict, IllegalTransition)) as refused:
        do(desk, name, **fields)
    return codes_of(refused)


def states(cards: CardBuilder, card: int, form: str | None = None) -> list[str]:
    return [
        each.state.value
        for each in cards.credentials(card)
        if form in (None, each.form)
    ]


def in_app(office: BackOffice, card: int, name: str = "phone", **more: Any) -> Any:
    desk = office.desk("KOR", **more)
    return do(desk, "card.issue_app", card=card, holder_key=phone(name))


def in_plastic(office: BackOffice, card: int, **more: Any) -> Any:
    return do(office.desk("KOR"), "card.issue_plastic", card=card, **more)


def test_one_card_has_a_credential_of_each_form(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    app, plastic = in_app(office, card), in_plastic(office, card)
    assert app.document_number != plastic.document_number
    assert states(cards, card) == ["valid", "valid"]
    assert refusal(
        office.desk("KOR"), "card.issue_app", card=card, holder_key=phone("other")
    ) == ("card.has_app")
    assert refusal(office.desk("KOR"), "card.issue_plastic", card=card) == (
        "card.has_physical"
    )


def test_what_is_released_unpacks_and_names_the_approved_only(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make(approved=("SGP", "AUS"), pending=("JPN",))
    done = in_app(office, card)
    assert done.economies == ("AUS", "SGP")
    assert verifier.unpack(verifier.pack(done.text)) == done.text


@pytest.mark.parametrize(
    ("economy", "operation", "code"),
    [
        ("AUS", "card.issue_plastic", "mode.physical_not_issued"),
        ("SGP", "card.issue_app", "mode.app_not_issued"),
    ],
)
def test_the_mode_in_force_decides_what_is_issued(
    office: BackOffice, cards: CardBuilder, economy: str, operation: str, code: str
) -> None:
    card = cards.make(economy, approved=("JPN",))
    fields = {"holder_key": phone()} if operation == "card.issue_app" else {}
    assert refusal(office.desk(economy), operation, card=card, **fields) == code


def test_a_mode_changes_by_a_dated_line_of_the_scheme_and_nothing_else(
    office: BackOffice, cards: CardBuilder
) -> None:
    written = resources.files("issuer").joinpath("scheme.toml").read_text("utf-8")
    head, table = written.split("[economy.SGP]\n")
    line = table[table.index("issues_forms = [") :].split("\n]\n")[0]
    row = 'mark = "assumed", source = "a test" },'
    dated = (
        "issues_forms = [\n"
        f'  {{ value = "physical", until = 2030-02-01T00:00:00+08:00, {row}\n'
        f'  {{ value = "dual", from = 2030-02-01T00:00:00+08:00, {row}'
    )
    scheme = Scheme.from_toml(f"{head}[economy.SGP]\n{table.replace(line, dated, 1)}")
    other = BackOffice(office=replace(office.office, packaged_scheme=scheme))
    card = cards.make("SGP", approved=("JPN",))
    before = datetime(2030, 1, 31, 15, 59, 59, tzinfo=UTC)
    fields = {"card": card, "holder_key": phone()}
    assert refusal(other.desk("SGP", now=before), "card.issue_app", **fields) == (
        "mode.app_not_issued"
    )
    after = other.desk("SGP", now=before + timedelta(seconds=1))
    assert do(after, "card.issue_app", **fields).form == "app"


def test_c4_a_card_of_another_economy_is_not_there(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make("KOR")
    for name, fields in (
        ("card.show", {}),
        ("card.issue_app", {"holder_key": phone()}),
        ("card.suspend", {"why": "x"}),
        ("card.report_lost", {"what": "card"}),
    ):
        with pytest.raises(NotFound):
            do(office.desk("AUS"), name, card=card, **fields)


@pytest.mark.parametrize(
    "key", [{}, {**phone(), "d": "AAAA"}, {**phone(), "crv": "P-384"}]
)
def test_a_key_that_is_none_is_named(
    office: BackOffice, cards: CardBuilder, key: dict[str, str]
) -> None:
    with pytest.raises(Invalid) as refused:
        do(
            office.desk("KOR"), "card.issue_app",
            card=cards.make(), holder_key=key,
        )  # fmt: skip
    assert refused.value.problems[0][0] == "holder_key"


# Plastic


def test_an_interim_document_comes_early_and_the_final_one_ends_it(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make(pending=("JPN",))
    assert refusal(office.desk("KOR"), "card.issue_plastic", card=card) == (
        "plastic.answers_open"
    )
    interim = in_plastic(office, card, interim=True)
    cards.answer(card, "JPN", APPROVED)
    assert refusal(
        office.desk("KOR"), "card.issue_plastic", card=card, interim=True
    ) == ("plastic.all_answered")
    final = in_plastic(office, card)
    assert final.economies == ("AUS", "JPN", "SGP")
    assert interim.document_number != final.document_number
    assert states(cards, card) == ["superseded", "valid"]
    rows = office.store.read(lambda s: s.scalars(select(Plastic.state)).all())
    assert [*rows] == ["to_print", "to_print"]


def test_economies_are_added_where_there_are_any(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make(pending=("JPN",))
    in_plastic(office, card, interim=True)
    desk = office.desk("KOR")
    assert refusal(desk, "card.add_economies", card=card) == "plastic.nothing_new"
    cards.answer(card, "JPN", APPROVED)
    assert do(desk, "card.add_economies", card=card).economies[1] == "JPN"
    assert states(cards, card) == ["superseded", "valid"]


def test_a_damaged_document_is_replaced_and_the_end_day_stays(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    first = in_plastic(office, card)
    later = office.desk("KOR", now=NOW + 100 * DAY)
    second = do(later, "card.replace", card=card, why="damage")
    assert second.expires_at == first.expires_at
    assert second.document_number != first.document_number
    assert states(cards, card) == ["superseded", "valid"]


# The app


def test_s12_after_rebinding_exactly_one_phone_lives(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    old = in_app(office, card)
    desk = office.desk("KOR")
    new = do(desk, "card.rebind", card=card, holder_key=phone("new"))
    assert states(cards, card) == ["superseded", "valid"]
    assert (old.list_number, old.list_index) != (new.list_number, new.list_index)
    assert refusal(desk, "card.rebind", card=card, holder_key=phone("new")) == (
        "holder_key.same"
    )


def test_a_refresh_keeps_the_index_and_brings_the_new_answers(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make(pending=("JPN",))
    old = in_app(office, card)
    desk = office.desk("KOR")
    assert refusal(desk, "card.refresh", credential=old.credential) == (
        "credential.up_to_date"
    )
    cards.answer(card, "JPN", APPROVED)
    new = do(desk, "card.refresh", credential=old.credential)
    assert new.economies == ("AUS", "JPN", "SGP")
    assert (new.list_index, new.document_number) == (
        old.list_index, old.document_number,
    )  # fmt: skip
    assert states(cards, card) == ["valid"]
    assert [each.state.value for each in cards.issues(card)] == ["signed"] * 2


def test_all_that_is_due_is_refreshed_page_by_page_and_once(
    office: BackOffice, cards: CardBuilder
) -> None:
    made = [cards.make(pending=("JPN",)) for _ in range(3)]
    for card in made:
        in_app(office, card)
    for card in made[1:]:
        cards.answer(card, "JPN", APPROVED)
    desk = office.desk("KOR", who="bob")
    page = do(desk, "card.refresh_due", limit=2)
    assert (page.looked_at, page.refreshed) == (2, 1)
    page = do(desk, "card.refresh_due", limit=2, after=page.after)
    assert (page.looked_at, page.refreshed, page.after) == (1, 1, None)
    assert do(desk, "card.refresh_due").refreshed == 0


@dataclass
class Batches:
    """The office's keys, which here sign a batch as well, and count what they did."""

    inner: SignerSource
    signed: list[int] = field(default_factory=list)

    def signer(
        self, economy: str, use: KeyUse, *, now: datetime
    ) -> tuple[Signer, KeyRecord]:
        return self.inner.signer(economy, use, now=now)

    @contextmanager
    def batch(self, economy: str, *, now: datetime) -> Iterator[BatchSigner]:
        signer, _ = self.signer(economy, "card", now=now)

        def sign(prepared: Sequence[Prepared], **more: Any) -> list[Any]:
            self.signed.append(len(prepared))
            return sign_many(prepared, signer, **more)

        yield sign


def test_many_that_are_due_are_refreshed_as_a_batch(
    office: BackOffice, cards: CardBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A destination withdraws from all of them: each text is signed anew, once."""
    monkeypatch.setattr(card_issuing, "MANY", 5)
    monkeypatch.setattr(signing, "BATCH", 3)
    made = cards.make_many(7)
    for card in made:
        in_app(office, card, f"phone {card}")
        cards.answer(card, "SGP", lifecycle.Preclearance.WITHDRAWN)
    many = Batches(office.office.signers)
    office.office.signers = many
    desk = office.desk("KOR", who="bob")
    few = do(desk, "card.refresh_due", limit=4)
    assert (few.refreshed, few.after is not None, many.signed) == (4, True, [])
    cards.answer(made[0], "SGP", APPROVED)
    cards.answer(made[1], "SGP", APPROVED)
    done = do(desk, "card.refresh_due", limit=10_000)
    assert (done.looked_at, done.refreshed, done.declined) == (7, 5, ())
    assert many.signed == [3, 2]
    economies = {
        card: next(each.economies for each in reversed(cards.issues(card)))
        for card in made
    }
    assert economies == {
        card: "AUS SGP" if card in made[:2] else "AUS" for card in made
    }
    assert do(desk, "card.refresh_due", limit=10_000).refreshed == 0


@pytest.mark.parametrize(("keep", "plastic"), [(False, "superseded"), (True, "valid")])
def test_converting_ends_the_plastic_unless_it_is_kept(
    office: BackOffice, cards: CardBuilder, keep: bool, plastic: str
) -> None:
    card = cards.make()
    desk = office.desk("KOR")
    fields = {"card": card, "holder_key": phone(), "keep_plastic": keep}
    assert refusal(desk, "card.convert", **fields) == "card.no_plastic"
    first = in_plastic(office, card)
    done = do(desk, "card.convert", **fields)
    assert (done.form, done.expires_at) == ("app", first.expires_at)
    assert states(cards, card) == [plastic, "valid"]
    assert any("plastic" in warning for warning in done.warnings)


# Losses


def test_a_lost_phone_is_not_a_lost_card(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    in_app(office, card)
    in_plastic(office, card)
    desk = office.desk("KOR")
    moved = do(desk, "card.report_lost", card=card, what="phone")
    assert (moved.state, moved.losses) == ("active", 0)
    assert states(cards, card) == ["revoked", "valid"]
    assert do(desk, "card.rebind", card=card, holder_key=phone("new")).card == card


def test_lost_plastic_counts_and_is_printed_again(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    in_plastic(office, card)
    desk = office.desk("KOR")
    assert refusal(desk, "card.replace", card=card, why="loss") == "plastic.lives"
    moved = do(desk, "card.report_lost", card=card, what="plastic")
    assert (moved.state, moved.losses, moved.warnings) == ("active", 1, ())
    do(desk, "card.replace", card=card, why="loss")
    assert states(cards, card) == ["revoked", "valid"]
    again = do(desk, "card.report_lost", card=card, what="plastic")
    assert "3 years" in again.warnings[0]


def test_a_lost_card_never_returns_and_another_continues_it(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make(pending=("JPN",))
    in_app(office, card)
    desk = office.desk("KOR", who="ann")
    assert refusal(desk, "card.replace_lost", card=card) == "card.not_lost"
    do(desk, "card.report_lost", card=card, what="card")
    assert states(cards, card) == ["revoked"]
    new = do(desk, "card.replace_lost", card=card)
    assert new.losses == 1
    old_row, new_row = cards.card(card), cards.card(new.card)
    assert (new_row.continues_id, new_row.expires_at) == (card, old_row.expires_at)
    assert in_app(office, new.card, "new").economies == ("AUS", "SGP")
    assert refusal(desk, "card.replace_lost", card=card) == "card.continued"
    with pytest.raises(Forbidden):
        office.store.write(
            lambda s: s.execute(
                text(f"UPDATE card SET state = 'active' WHERE id = {card}")  # noqa: S608
            ),
            now=NOW,
        )


def test_a_loss_needs_the_polices_report_where_the_scheme_says_so(
    office: BackOffice, cards: CardBuilder
) -> None:
    scheme = office.office.packaged_scheme
    china = scheme.economy("CHN").police_report_on_loss
    kor = scheme.economy("KOR").model_copy(update={"police_report_on_loss": china})
    changed = scheme.model_copy(update={"economies": {**scheme.economies, "KOR": kor}})
    strict = BackOffice(office=replace(office.office, packaged_scheme=changed))
    card = cards.make()
    with pytest.raises(Invalid) as refused:
        do(strict.desk("KOR"), "card.report_lost", card=card, what="card")
    assert refused.value.problems[0][0] == "police_report"
    fields = {"card": card, "what": "card", "police_report": True}
    assert do(strict.desk("KOR"), "card.report_lost", **fields).state == "lost"


# For a time, and for good


def test_i1_a_suspension_is_lifted_by_another_person(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    app = in_app(office, card)
    in_plastic(office, card)
    ann, eve = office.desk("KOR"), office.desk("KOR", who="eve")
    do(ann, "credential.suspend", credential=app.credential, why="phone mislaid")
    do(ann, "card.suspend", card=card, why="under review")
    assert states(cards, card) == ["suspended", "suspended"]
    why = {"card": card, "why": "cleared"}
    assert refusal(ann, "card.restore", **why) == "suspension.second_person"
    do(eve, "card.restore", **why)
    assert states(cards, card) == ["suspended", "valid"]
    fields = {"credential": app.credential, "why": "found"}
    assert refusal(ann, "credential.restore", **fields) == "suspension.second_person"
    do(eve, "credential.restore", **fields)
    assert states(cards, card) == ["valid", "valid"]


def test_i1_the_database_itself_refuses_one_person(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    do(office.desk("KOR"), "card.suspend", card=card, why="under review")

    def lift(session: Session) -> None:
        row = session.scalars(select(Suspension)).one()
        row.lifted_by, row.lifted_at, row.lift_reason = row.suspended_by, NOW, "me"

    with pytest.raises(Forbidden) as refused:
        office.store.write(lift, now=NOW)
    assert refused.value.rule == "ck_suspension_four_eyes"


def test_a_lift_needs_a_reason(office: BackOffice, cards: CardBuilder) -> None:
    card = cards.make()
    do(office.desk("KOR"), "card.suspend", card=card, why="under review")
    with pytest.raises(Invalid):
        do(office.desk("KOR", who="eve"), "card.restore", card=card, why=" ")


@pytest.mark.parametrize("state", ["revoked", "superseded"])
def test_s11_what_has_ended_returns_by_no_way(
    office: BackOffice, cards: CardBuilder, state: str
) -> None:
    """Neither by an operation nor by SQL."""
    card = cards.make()
    old = in_app(office, card)
    desk, eve = office.desk("KOR"), office.desk("KOR", who="eve")
    if state == "revoked":
        do(desk, "credential.revoke", credential=old.credential, why="stolen")
    else:
        do(desk, "card.rebind", card=card, holder_key=phone("new"))
    for name in ("credential.restore", "credential.suspend", "credential.revoke"):
        fields = {"credential": old.credential, "why": "x"}
        assert refusal(eve, name, **fields) == "credential.ended"
    for after in ("valid", "suspended", "prepared", "expired"):
        with pytest.raises(Forbidden) as refused:
            office.store.write(
                lambda s, to=after: s.execute(  # type: ignore[misc]
                    text(
                        f"UPDATE credential SET state = '{to}', state_reason = 'x'"  # noqa: S608
                        f" WHERE id = {old.credential}"
                    )
                ),
                now=NOW,
            )
        assert refused.value.rule == "tr_credential_final"
    with pytest.raises(Forbidden):
        office.store.write(
            lambda s: s.execute(
                text(f"DELETE FROM credential WHERE id = {old.credential}")  # noqa: S608
            ),
            now=NOW,
        )


def test_a_cancelled_card_takes_everything_with_it(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make(pending=("JPN",))
    in_app(office, card)
    moved = do(office.desk("KOR"), "card.cancel", card=card, why="left the employer")
    assert (moved.state, states(cards, card)) == ("cancelled", ["revoked"])
    lanes = office.store.read(
        lambda s: s.scalars(
            select(Preclearance.state).where(Preclearance.card_id == card)
        ).all()
    )
    assert {*lanes} == {lifecycle.Preclearance.LAPSED}


def test_i5_one_operator_ends_so_many_in_an_hour(
    office: BackOffice, cards: CardBuilder
) -> None:
    limits = office.office.installation.limits.model_copy(update={"revoke": 1})
    installation = office.office.installation.model_copy(update={"limits": limits})
    slow = BackOffice(office=replace(office.office, installation=installation))
    first, second = cards.make(), cards.make()
    do(slow.desk("KOR"), "card.cancel", card=first, why="x")
    assert refusal(slow.desk("KOR"), "card.cancel", card=second, why="x") == (
        "limit.operator"
    )


def test_cards_expire_on_their_day(office: BackOffice, cards: CardBuilder) -> None:
    soon, late = cards.make(term=1), cards.make()
    in_app(office, soon)
    end = cards.card(soon).expires_at
    assert end is not None
    before = office.desk("KOR", now=end - timedelta(seconds=1))
    assert do(before, "card.expire_due").expired == 0
    assert do(office.desk("KOR", now=end), "card.expire_due").expired == 1
    assert (cards.card(soon).state, states(cards, soon)) == ("expired", ["expired"])
    assert cards.card(late).state == "active"


# Passports

NEW = {"country": "KOR", "number": "M7654321", "expires_on": "2040-01-01"}


def linked(desk: Desk, card: int, **changes: Any) -> Any:
    fields = {"card": card, **NEW, **changes}
    preview = do(desk, "card.preview_passport", **fields)
    return do(desk, "card.link_passport", **fields, confirmation=preview.digest)


def test_a_new_passport_is_previewed_and_then_linked(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    app = in_app(office, card)
    in_plastic(office, card)
    desk = office.desk("KOR")
    preview = do(desk, "card.preview_passport", card=card, **NEW)
    assert {lane.destination: lane.effect.value for lane in preview.lanes} == {
        "AUS": "repend", "SGP": "repend",
    }  # fmt: skip
    assert preview.expires_after == preview.expires_at
    assert states(cards, card) == ["valid", "valid"]
    done = linked(desk, card)
    assert done.lanes == preview.lanes
    (again,) = done.reissued
    assert (again.economies, done.not_reissued) == ((), ())
    assert again.list_index != app.list_index
    assert states(cards, card, "app") == ["superseded", "valid"]
    assert states(cards, card, "physical") == ["superseded"]
    assert do(desk, "card.replace", card=card, why="new_passport").form == "physical"


def test_i6_who_approved_links_a_passport_and_is_told_who_has_to_sign(
    office: BackOffice, cards: CardBuilder
) -> None:
    """The link stands; the app's code waits for another person, and both are told."""
    card = cards.make()
    in_app(office, card)
    approver = office.desk("KOR", who="bob")
    preview = do(approver, "card.preview_passport", card=card, **NEW)
    assert preview.approved_by_you
    done = linked(approver, card)
    assert done.reissued == ()
    assert done.not_reissued == (
        "you approved the application, so another person has to do it",
    )
    assert states(cards, card, "app") == ["valid"]
    daily = do(approver, "card.refresh_due")
    assert [each.code for each in daily.declined] == ["passport.changed"]
    assert (daily.refreshed, states(cards, card, "app")) == (0, ["valid"])
    other = office.desk("KOR")
    assert not do(
        other, "card.preview_passport", card=card, **NEW | {"number": "M1"}
    ).approved_by_you
    (old,) = cards.credentials(card)
    do(other, "card.refresh", credential=old.id)
    assert states(cards, card, "app") == ["superseded", "valid"]


@pytest.mark.parametrize("issued_on", ["2030-02-15", NEW["expires_on"]])
def test_a_passport_of_the_future_is_not_linked(
    office: BackOffice, cards: CardBuilder, issued_on: str
) -> None:
    fields = {"card": cards.make(), **NEW, "issued_on": issued_on}
    with pytest.raises(Invalid) as refused:
        do(office.desk("KOR"), "card.preview_passport", **fields)
    assert [path for path, *_ in refused.value.problems] == ["issued_on"]


def test_what_changed_since_the_preview_is_not_linked(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make(pending=("JPN",))
    desk = office.desk("KOR")
    preview = do(desk, "card.preview_passport", card=card, **NEW)
    cards.answer(card, "JPN", APPROVED)
    fields = {"card": card, **NEW, "confirmation": preview.digest}
    assert refusal(desk, "card.link_passport", **fields) == "preview.changed"
    other = {**fields, "expires_on": "2041-01-01"}
    assert refusal(desk, "card.link_passport", **other) == "preview.changed"


def test_a_reported_passport_stops_the_card_until_another_is_linked(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    in_app(office, card)
    desk, eve = office.desk("KOR"), office.desk("KOR", who="eve")
    do(desk, "card.report_passport", card=card, how="stolen")
    assert states(cards, card) == ["suspended"]
    (credential,) = cards.credentials(card)
    fields = {"credential": credential.id, "why": "x"}
    assert refusal(eve, "credential.restore", **fields) == "suspension.of_the_card"
    assert refusal(desk, "card.issue_plastic", card=card) == "passport.reported"
    assert len(linked(desk, card).reissued) == 1
    assert states(cards, card) == ["superseded", "valid"]


def test_a_mislaid_phone_stays_suspended_when_a_passport_is_linked(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    app = in_app(office, card)
    desk = office.desk("KOR")
    do(desk, "credential.suspend", credential=app.credential, why="mislaid")
    assert linked(desk, card).reissued == ()
    assert states(cards, card) == ["suspended"]


@pytest.mark.parametrize(
    ("old", "new", "last"),
    [
        # The passport was the limit: extended, up to five years from the first issue.
        (date(2032, 3, 1), date(2039, 1, 1), date(2035, 1, 10)),
        (date(2032, 3, 1), date(2033, 5, 5), date(2033, 5, 5)),
        # It was not: nothing is won.
        (date(2039, 1, 1), date(2045, 1, 1), date(2035, 1, 10)),
        # A shorter one ends the card earlier.
        (date(2039, 1, 1), date(2031, 1, 1), date(2031, 1, 1)),
    ],
)
def test_korea_extends_what_the_old_passport_had_limited(
    office: BackOffice, cards: CardBuilder, old: date, new: date, last: date
) -> None:
    assert date(2030, 1, 10) == FIRST_ISSUED
    card = cards.make(passport_ends=old)
    done = linked(office.desk("KOR"), card, expires_on=new.isoformat())
    assert done.expires_at.date() - DAY == last


def test_elsewhere_a_longer_passport_wins_nothing(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make("AUS", passport_ends=date(2032, 3, 1), approved=("JPN",))
    done = linked(office.desk("AUS"), card, country="AUS")
    assert done.expires_at.date() - DAY == date(2032, 3, 1)


def test_while_the_home_vets_a_new_passport_means_a_new_application(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    office.store.write(
        lambda s: s.execute(text("UPDATE card SET state = 'pending_home'")), now=NOW
    )
    assert refusal(office.desk("KOR"), "card.preview_passport", card=card, **NEW) == (
        "card.pending_home"
    )


def test_a_passport_that_has_ended_is_refused(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    fields = {**NEW, "expires_on": "2030-01-14"}
    with pytest.raises(Invalid) as refused:
        do(office.desk("KOR"), "card.preview_passport", card=card, **fields)
    assert refused.value.problems[0][0] == "expires_on"


# Renewal


def test_a_renewed_card_ends_when_the_first_credential_of_the_new_one_lives(
    office: BackOffice, cards: CardBuilder
) -> None:
    old = cards.make()
    in_app(office, old)
    new = cards.make(renews=old, person=cards.card(old).person_id, approved=("JPN",))
    assert (cards.card(old).state, states(cards, old)) == ("active", ["valid"])
    in_app(office, new, "new")
    assert (cards.card(old).state, states(cards, old)) == ("superseded", ["superseded"])
    in_plastic(office, new)
    assert states(cards, new) == ["valid", "valid"]


def test_a_renewal_is_an_application_of_the_same_person(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    passport = {
        "country": "KOR", "number": "M1111111",
        "issued_on": "2029-06-01", "expires_on": "2039-06-01",
    }  # fmt: skip
    done = do(office.desk("KOR"), "card.renew", card=card, passport=passport)
    assert done.number
    assert any("asked anew" in warning for warning in done.warnings)
    assert cards.card(card).state == "active"


# Reading


def test_i6_a_card_is_shown_and_the_reading_is_logged(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make(pending=("JPN",))
    in_app(office, card)
    view = do(office.desk("KOR"), "card.show", card=card)
    assert [each.state.value for each in view.credentials] == ["valid"]
    assert [lane.printed for lane in view.lanes] == [True, False, True]
    offered = {each.operation for each in view.actions}
    assert {"card.rebind", "card.issue_plastic", "card.suspend"} <= offered
    assert "card.issue_app" not in offered
    assert all(each.consequence for each in view.actions)
    seen = office.store.read(
        lambda s: s.execute(
            text("SELECT count(*) FROM audit WHERE tag = 'card:read'")
        ).scalar_one()
    )
    assert seen == 1


@pytest.mark.parametrize(
    "change", ["suspend", "report_lost", "cancel", "report_passport", "none"]
)
def test_what_is_offered_can_be_done(
    office: BackOffice, cards: CardBuilder, change: str
) -> None:
    """No offered action is refused for the state that the card is in."""
    card = cards.make()
    in_app(office, card)
    ann = office.desk("KOR")
    fields: dict[str, Any] = {"card": card}
    if change in ("suspend", "cancel"):
        fields["why"] = "x"
    if change == "report_lost":
        fields["what"] = "card"
    if change == "report_passport":
        fields["how"] = "lost"
    if change != "none":
        do(ann, f"card.{change}", **fields)
    view = do(ann, "card.show", card=card)
    named = {each.operation for each in view.actions}
    assert named <= set(all_operations())
    assert ("card.restore" in named) == (change == "suspend")
    assert ("card.replace_lost" in named) == (change == "report_lost")
    assert bool(named) == (change != "cancel")


def test_cards_are_found_by_document_passport_and_name(
    office: BackOffice, cards: CardBuilder
) -> None:
    card = cards.make()
    cards.make("AUS", approved=())
    document = in_app(office, card).document_number
    desk = office.desk("KOR")
    for fields in (
        {"document_number": document.lower()},
        {"passport_number": "PA0000001", "passport_country": "KOR"},
        {"family_name": "citi", "birthdate": "1980-05-04"},
    ):
        assert [each.card for each in do(desk, "card.find", **fields).cards] == [card]
    assert do(desk, "card.find", family_name="cito").cards == ()
    with pytest.raises(Invalid):
        do(desk, "card.find", birthdate="1980-05-04")
