"""Signing in to a demonstration: whoever is at the machine picks who to be.

These pages are there only where `Settings.is_demonstration` is on, which a program that
listens to other machines refuses, and they open accounts of test economies only, whose
cards are never green on any device.
"""

from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.errors import NotFound
from issuer.portal.opening import open_economies
from issuer.store import Account, AccountKind, HostedEconomy
from issuer.web import cookies
from issuer.web.access import EVERYBODY, Pages
from issuer.web.forms import Form
from issuer.web.here import go_to, now, render, site

pages = Pages("demonstration")


@pages.at("/demonstration", EVERYBODY, methods=("GET", "POST"))
def choose() -> Response:
    """Offer every person, and sign in as the one who is chosen."""
    form = Form.read()
    login = form.get("login")
    if not login:
        people = site().office.store.read(_people)
        online = site().office.store.read(
            lambda session: open_economies(session, now())
        )
        return render(
            "sign_in/demonstration.html", form=form, people=people, online=online
        )
    number = site().office.store.read(lambda session: _number(session, login))
    cookies.begin(account_id=number, is_signed_in=True)
    return go_to("start.index")


def _people(session: Session) -> dict[str, list[Account]]:
    people: dict[str, list[Account]] = {}
    for account in session.scalars(_OPEN.order_by(Account.economy, Account.login)):
        people.setdefault(account.economy, []).append(account)
    return people


def _number(session: Session, login: str) -> int:
    account = session.scalars(_OPEN.where(Account.login == login)).one_or_none()
    if account is None:
        raise NotFound(f"there is no {login} to be")
    return account.id


_OPEN = (
    select(Account)
    .join(HostedEconomy, HostedEconomy.code == Account.economy)
    .where(
        HostedEconomy.is_test,
        Account.kind == AccountKind.PERSON,
        Account.closed_at.is_(None),
    )
)
