"""Systems that are no economy's and may ask here: associations, carriers, companies.

Each is let in by two administrators, proves itself with a key or a certificate of its
own, and may do what its scopes say.  An economy's system needs no row: the trust data
has its keys, and the settings what is offered to economies.
"""

import json
import re
from datetime import datetime
from enum import StrEnum
from secrets import token_hex
from typing import Annotated, Any, Final

from pydantic import Field, field_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.errors import Conflict
from issuer.jws import canonical, public_jwk, public_key_from_jwk
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.second import must_wait
from issuer.store import Role, ServiceClient

READERS: Final = (Role.ADMIN, Role.AUDIT)
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?")


class Scope(StrEnum):
    """What a system may do."""

    PRECLEARANCE = "preclearance"
    """Ask for pre-clearances, and hear the answers: economies only."""
    SUBMIT = "submit"
    """Submit applications."""
    TRACK = "track"
    """Follow what it has submitted itself."""
    STATISTICS = "statistics"
    CARRIERS = "carriers"
    PASSPORTS = "passports"


OF_ECONOMIES: Final = frozenset(
    {Scope.PRECLEARANCE, Scope.STATISTICS, Scope.PASSPORTS, Scope.CARRIERS}
)
"""What an economy's system may do, unless the settings say less."""
OF_OTHERS: Final = frozenset(Scope) - {Scope.PRECLEARANCE}
"""What anybody else can be given."""

_Number = Annotated[int, Field(ge=1, lt=2**63, description="Number of the client.")]


class AddClient(Request):
    """A system that may ask."""

    name: str = Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Whose system it is.",
    )
    scopes: tuple[Scope, ...] = Field(
        min_length=1, max_length=len(OF_OTHERS), description="What it may do."
    )
    jwk: dict[str, Any] | None = Field(
        None, description="Its public key on P-256, as a JWK."
    )
    certificate: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of its certificate in hex, where a proxy checks those.",
    )
    hosts: tuple[str, ...] = Field(
        (), max_length=5, description="Names of hosts where it may be told of events."
    )

    @field_validator("scopes")
    @classmethod
    def _are_for_others(cls, value: tuple[Scope, ...]) -> tuple[Scope, ...]:
        if not set(value) <= OF_OTHERS:
            raise ValueError("pre-clearance is between economies")
        return value

    @field_validator("jwk")
    @classmethod
    def _is_a_key(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is None:
            return None
        if "d" in value:
            raise ValueError("this is a private key: whoever sent it has to make anew")
        public_key_from_jwk(value)
        return value

    @field_validator("hosts")
    @classmethod
    def _are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_HOST.fullmatch(each) for each in value):
            raise ValueError("a host is a name in small letters, without anything else")
        return value


class OneClient(Request):
    """Which client."""

    client: _Number


class ClientFilter(Request):
    """Which clients."""

    include_retired: bool = Field(False, description="Also those that are retired.")


class ClientView(Answer):
    """A client."""

    client: int
    client_id: str
    """What it calls itself when it asks for a token."""
    name: str
    scopes: tuple[str, ...]
    hosts: tuple[str, ...]
    has_key: bool
    has_certificate: bool
    waits: bool
    """Another administrator has to confirm it."""
    added_at: datetime
    retired_at: datetime | None


class ClientList(Answer):
    """Clients by number."""

    clients: tuple[ClientView, ...]


@operation(
    "client.add", "Let a system ask for tokens, once it is confirmed.", Role.ADMIN
)
def add(desk: Desk, given: AddClient) -> ClientView:
    """Add a client; it waits for a second administrator where there are two.

    Raises:
        Conflict: ``client.proof``: it has neither key nor certificate.
    """

    def work(session: Session) -> ClientView:
        if given.jwk is None and given.certificate is None:
            raise Conflict("client.proof", "it proves itself by a key or a certificate")
        client = ServiceClient(
            economy=desk.economy,
            client_id=f"{desk.economy.lower()}-{token_hex(8)}",
            name=given.name,
            jwk=None if given.jwk is None else _text_of(given.jwk),
            certificate=given.certificate,
            scopes=" ".join(sorted(given.scopes)),
            hosts=" ".join(given.hosts),
            waits=must_wait(session, desk, None),
            added_by=desk.actor.account_id,
            added_at=desk.now,
        )
        session.add(client)
        session.flush()
        desk.log(
            session,
            "client:added",
            f"client:{client.id}",
            client_id=client.client_id,
            scopes=client.scopes.split(),
        )
        return _view(client)

    return once(desk, given, ClientView, work)


@operation(
    "client.confirm",
    "Confirm a client that another administrator has added.",
    Role.ADMIN,
    by_person=True,
)
def confirm(desk: Desk, given: OneClient) -> ClientView:
    """Let a client count.

    Raises:
        Conflict: ``client.nothing_waits``, ``client.retired``.
        Forbidden: ``ck_service_client_four_eyes``.
    """

    def work(session: Session) -> ClientView:
        client = _live(session, desk, given.client)
        if not client.waits:
            raise Conflict("client.nothing_waits", "there is nothing to confirm")
        client.waits, client.confirmed_by = False, desk.actor.account_id
        session.flush()
        desk.log(session, "client:confirmed", f"client:{client.id}")
        return _view(client)

    return once(desk, given, ClientView, work)


@operation("client.retire", "Take nothing from a client any more.", Role.ADMIN)
def retire(desk: Desk, given: OneClient) -> ClientView:
    """Retire a client, for ever; tokens that it has are worth nothing from now on.

    Raises:
        Conflict: ``client.retired``: it is retired already.
    """

    def work(session: Session) -> ClientView:
        client = _live(session, desk, given.client)
        client.retired_at, client.retired_by = desk.now, desk.actor.account_id
        desk.log(session, "client:retired", f"client:{client.id}")
        return _view(client)

    return once(desk, given, ClientView, work)


@operation("client.list", "List the systems that may ask.", *READERS, changes=False)
def list_clients(desk: Desk, given: ClientFilter) -> ClientList:
    """List this economy's clients by number."""

    def work(session: Session) -> ClientList:
        query = select(ServiceClient).where(ServiceClient.economy == desk.economy)
        if not given.include_retired:
            query = query.where(ServiceClient.retired_at.is_(None))
        rows = session.scalars(query.order_by(ServiceClient.id))
        return ClientList(clients=tuple(map(_view, rows)))

    return desk.read(work)


def _live(session: Session, desk: Desk, number: int) -> ServiceClient:
    client = desk.find(session, ServiceClient, number)
    if client.retired_at is not None:
        raise Conflict("client.retired", "it is retired already")
    return client


def _text_of(jwk: dict[str, Any]) -> str:
    """Keep of a JWK what makes the key, and nothing that it says of itself."""
    return canonical(public_jwk(public_key_from_jwk(jwk))).decode()


def key_of(client: ServiceClient) -> Any:
    """Return the public key of a client; None if it proves itself otherwise."""
    return None if client.jwk is None else public_key_from_jwk(json.loads(client.jwk))


def _view(client: ServiceClient) -> ClientView:
    return ClientView(
        client=client.id,
        client_id=client.client_id,
        name=client.name,
        scopes=tuple(client.scopes.split()),
        hosts=tuple(client.hosts.split()),
        has_key=client.jwk is not None,
        has_certificate=client.certificate is not None,
        waits=client.waits,
        added_at=client.added_at,
        retired_at=client.retired_at,
    )
