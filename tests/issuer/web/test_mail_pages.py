"""What staff see of mails that did not arrive."""

from datetime import timedelta

from sqlalchemy.orm import Session

from issuer.store import Mail, MailState, Role
from tests.issuer.web.front import Browser, Front
from tests.simulator import NOW


def dead(front: Front, *, economy: str = "AUS") -> int:
    row = Mail(
        economy=economy,
        kind="card_ends",
        recipient="anna@traveller.example",
        reference="r",
        state=MailState.DEAD,
        error="smtp.refused",
        queued_at=NOW - timedelta(days=3),
        next_at=NOW,
        settled_at=NOW - timedelta(days=1),
    )

    def add(session: Session) -> int:
        session.add(row)
        session.flush()
        return row.id

    return front.back.store.write(add, now=NOW)


def enter(front: Front, *roles: Role, economy: str = "AUS") -> Browser:
    return front.browser().enter(front.person(economy, roles=roles))


def test_staff_try_a_mail_again_or_give_it_up(small: Front) -> None:
    """They see why it did not arrive, and not whose it was."""
    number = dead(small)
    browser = enter(small, Role.INTAKE)
    browser.get("/mails")
    assert "the address may be wrong" in browser.page
    assert "…@traveller.example" in browser.page
    assert "anna" not in browser.page
    given = {"reason": "the address was right"}
    done = browser.post(f"/mails/{number}/retry", given, page="/mails")
    assert done.status_code == 303
    again = browser.post(f"/mails/{number}/retry", given, page="/mails")
    assert (again.status_code, "mail.not_dead" in browser.page) == (409, True)
    browser.get("/mails?state=waiting")
    assert f'Give up<span class="aside"> mail {number}</span>' in browser.page
    assert (
        browser.post(f"/mails/{number}/drop", given, page="/mails").status_code == 303
    )
    browser.get("/mails?state=dropped")
    assert "forgotten" in browser.page
    assert (
        browser.post(f"/mails/{number}/read", given, page="/mails").status_code == 404
    )


def test_c4_another_economys_mail_is_not_there(small: Front) -> None:
    number = dead(small, economy="JPN")
    browser = enter(small, Role.INTAKE)
    browser.get("/mails")
    assert "traveller.example" not in browser.page
    found = browser.post(f"/mails/{number}/drop", {"reason": "x"}, page="/mails")
    assert found.status_code == 404
