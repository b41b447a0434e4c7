"""``abtc-issuer user``: accounts, for whoever keeps the installation.

Who may read the installation's folder can do this without an account: it is the way in
for the first administrator, and the way back when the last one has lost a phone.  The
log names the installation itself as the actor.
"""

import getpass
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.commands.opening import at_home, now
from issuer.errors import NotFound
from issuer.installation import Installation
from issuer.office import Actor, Desk, NoSigners, Office
from issuer.operations import Answer, all_operations
from issuer.store import Account, AccountKind, Role, Store

_Command = TypeVar("_Command", bound=Callable[..., Any])
_ROLES: Final = click.Choice([role.value for role in Role])


def _login(command: _Command) -> _Command:
    return click.argument("login")(command)


def _common(command: _Command) -> _Command:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option("--reason", required=True, help="Why; goes to the audit log."),
        click.option("--economy", required=True, help="Alpha-3 code."),
        at_home,
    ):
        command = option(command)
    return command


@click.group("user")
def user() -> None:
    """Keep the accounts of an economy."""


@user.command("create")
@_login
@click.option("--name", required=True, help="As it is shown to others.")
@click.option("--program", is_flag=True, help="Signs in by an API key.")
@_common
def create(name: str, program: bool, **given: Any) -> None:
    """Make an account, and print the one-time code of its owner."""
    kind = AccountKind.PROGRAM if program else AccountKind.PERSON
    _perform(
        given,
        "account.create",
        login=given["login"],
        display_name=name,
        kind=kind.value,
    )


@user.command("list")
@click.option("--closed", is_flag=True, help="Also closed accounts.")
@click.option("--after", type=int, help="Number of the last one seen.")
@_common
def list_accounts(closed: bool, after: int | None, **given: Any) -> None:
    """List the accounts."""
    _perform(given, "account.list", include_closed=closed, after=after, limit=200)


@user.command("close")
@_login
@_common
def close(**given: Any) -> None:
    """Close an account for good."""
    _perform(given, "account.close")


@user.command("role")
@click.argument("verb", type=click.Choice(["give", "take"]))
@_login
@click.argument("role_name", metavar="ROLE", type=_ROLES)
@_common
def role(verb: str, role_name: str, **given: Any) -> None:
    """Give or take a role."""
    _perform(given, f"role.{verb}", role=role_name)


@user.command("reset")
@_login
@_common
def reset(**given: Any) -> None:
    """Take password and factors away, and print a one-time code."""
    _perform(given, "account.reset_factors")


@user.command("confirm")
@_login
@click.option("--number", help="That its owner's page shows after signing in.")
@_common
def confirm(number: str | None, **given: Any) -> None:
    """Confirm, where there is no second administrator, what one has given."""
    _perform(given, "account.confirm", number=number)


@user.command("api-key")
@_login
@click.option("--label", required=True, help="Which program, on which machine.")
@click.option(
    "--days",
    type=int,
    default=90,
    show_default=True,
    help="How long it is good for.",
)
@_common
def api_key(label: str, days: int, **given: Any) -> None:
    """Make an API key for a program, and print it once."""
    _perform(given, "api_key.make", label=label, days=days)


def _perform(given: dict[str, Any], operation: str, **fields: Any) -> None:
    desk = _desk(given["folder"], given["economy"], given["reason"])
    login = given.get("login")
    if operation != "account.create" and login is not None:
        fields["account"] = _number(desk, login)
    answer = all_operations()[operation].perform(desk, fields)
    _print(answer, as_json=given["as_json"])


def _desk(home: Path, economy: str, reason: str) -> Desk:
    installation = Installation.load(home)
    office = Office(
        installation=installation,
        store=Store.open(installation.database_url),
        signers=NoSigners(),
    )
    return Desk(
        office=office,
        actor=office.store.read(lambda session: _installation(session, economy)),
        now=now(),
        reason=f"{reason} (at the machine, by {getpass.getuser()})",
    )


def _installation(session: Session, economy: str) -> Actor:
    account = session.scalars(
        select(Account)
        .where(Account.economy == economy, Account.kind == AccountKind.SYSTEM)
        .order_by(Account.id)
    ).first()
    if account is None:
        raise NotFound(f"this installation is no back office of {economy}")
    return Actor(
        account_id=account.id,
        economy=economy,
        login=account.login,
        roles=frozenset({Role.ADMIN}),
        kind=account.kind,
    )


def _number(desk: Desk, login: str) -> int:
    def work(session: Session) -> int | None:
        return session.scalars(
            select(Account.id).where(
                Account.login == login, Account.economy == desk.economy
            )
        ).one_or_none()

    number = desk.read(work)
    if number is None:
        raise NotFound(f"there is no account {login} of {desk.economy}")
    return number


def _print(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        click.echo(answer.model_dump_json())
        return
    fields = json.loads(answer.model_dump_json())
    for row in fields.get("accounts", [fields]):
        shown = {name: value for name, value in row.items() if value is not None}
        click.echo("  ".join(f"{name}={_text(each)}" for name, each in shown.items()))


def _text(value: Any) -> str:
    return ",".join(map(str, value)) or "-" if isinstance(value, list) else str(value)
