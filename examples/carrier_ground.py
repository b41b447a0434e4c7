"""An economy's register that answers carriers, and a carrier's system that was let in.

Singapore's back office with invented cards, in a folder that is thrown away; it serves
on this machine. Its answers are marked as tests, like the economy: no desk takes them
for real.
"""

import json
import os
import secrets
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import urllib3
from sqlalchemy import select
from werkzeug.serving import make_server

from examples.passport_ground import HOST, free_port
from examples.serve import Demonstration
from examples.wallet_economy import Quiet
from issuer.carriers.changes import look_again
from issuer.commands.serving import open_app
from issuer.jws import (
    PrivateKey,
    b64u,
    canonical,
    new_private_key,
    public_jwk,
    sign_es256,
    signing_input,
)
from issuer.office import Desk
from issuer.operations import all_operations
from issuer.services.identity import renew
from issuer.services.tokens import ASSERTION_KIND
from issuer.store import Card, Passport, PassportLink
from verifier import carriers
from verifier.carriers.moments import LocalTime

HOME: Final = "SGP"
DESTINATION: Final = "NZL"
_PASSPHRASE: Final = "nothing is protected here"  # noqa: S105
_FORM: Final = "application/x-www-form-urlencoded"
_EDIFACT: Final = "application/edifact"
_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The economy's side."""

    home: Demonstration
    url: str

    def let_in(self, name: str) -> "Carrier":
        """Let a carrier's system ask, and return it with its key and a token."""
        key = new_private_key()
        given = {
            "name": name,
            "scopes": ["carriers"],
            "jwk": public_jwk(key.public_key()),
        }
        client = self._does("client.add", given).client_id
        audience = self.home.office.packaged_scheme.economy(HOME).issuer_url
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_KIND,
            "client_assertion": _assertion(client, audience, key),
        }
        said = _asked(
            "POST", f"{self.url}/services/v1/token", urlencode(form).encode(), _FORM
        )
        token = json.loads(said)["access_token"]
        return Carrier(url=f"{self.url}/services/v1/{HOME}/entry-basis", token=token)

    def passports(self) -> list[str]:
        """Return the numbers of the passports that cards of the economy go with."""
        return list(passports_of(desk_of(self.home)))

    def suspend(self, number: str) -> None:
        """Suspend the card of a passport, and look at the watched questions again."""
        given = {"card": passports_of(desk_of(self.home))[number], "why": "an example"}
        self._does("card.suspend", given)
        look_again(desk_of(self.home))

    def _does(self, operation: str, given: dict[str, Any]) -> Any:
        return all_operations()[operation].perform(desk_of(self.home), given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A carrier's system: what it asks and reads is on the wire."""

    url: str
    token: str

    def asks(self, paxlst: bytes) -> bytes:
        """Send a passenger list; return the CUSRES that comes back."""
        about = urlencode({"destination": DESTINATION, "watch": "true"})
        return _asked(
            "POST", f"{self.url}/response?{about}", paxlst, _EDIFACT, self.token
        )

    def changes(self) -> list[dict[str, Any]]:
        """Read what has flipped since it asked."""
        said = _asked("GET", f"{self.url}/changes", None, "", self.token)
        found: list[dict[str, Any]] = json.loads(said)["changes"]
        return found


@contextmanager
def opened(travellers: int) -> Iterator[Demonstration]:
    """Make an office with invented cards that has published; forget it when left."""
    for role in ("KEY", "PUBLISH"):
        os.environ[f"ABTC_{role}_PASSPHRASE"] = _PASSPHRASE
    with tempfile.TemporaryDirectory() as folder:
        home = Demonstration(
            Path(folder), travellers=travellers, port=0, only=(HOME, DESTINATION)
        )
        home.prepare()
        home.found_publication()
        home.publish()
        renew(home.office, HOME, datetime.now(UTC))
        try:
            yield home
        finally:
            home.office.store.close()


@contextmanager
def serving(travellers: int) -> Iterator[Ground]:
    """Serve such an office on this machine until left."""
    with opened(travellers) as home:
        port = free_port()
        app = open_app(home.folder, host=HOST, port=port)
        server = make_server(HOST, port, app, threaded=True, request_handler=Quiet)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Ground(home=home, url=f"http://{HOST}:{port}")
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def desk_of(home: Demonstration) -> Desk:
    """Return the desk of the installation itself, now."""
    now = datetime.now(UTC)
    return home.office.system_desk(HOME, now=now, reason="an example")


def passports_of(desk: Desk) -> dict[str, int]:
    """Return the cards of the economy by their passports' numbers."""
    query = (
        select(Passport.number, PassportLink.card_id)
        .join(PassportLink, PassportLink.passport_id == Passport.id)
        .join(Card, Card.id == PassportLink.card_id)
        .where(Card.economy == HOME)
    )
    rows = desk.read(lambda session: session.execute(query).all())
    return {each.number: each.card_id for each in rows}


def passenger_list(numbers: list[str]) -> bytes:
    """Return a PAXLST of one flight, the day after tomorrow."""
    day = (datetime.now(UTC) + timedelta(days=2)).date()
    leg = carriers.Leg.of(
        flight="EX700",
        carrier="EX",
        leaves=("SIN", LocalTime(day, time(9))),
        arrives=("AKL", LocalTime(day, time(23, 30))),
    )
    travellers = [
        carriers.Traveller.of(
            family_name="TRAVELLER", given_names="INVENTED", nationality=HOME,
            reference=number,
            documents=[
                carriers.TravelDocument.of(number=number, issuer=HOME, expires_on=None)
            ],
        )
        for number in numbers
    ]  # fmt: skip
    header = carriers.MessageHeader(reference="PAX001", access="EX700")
    flight = carriers.PassengerList.of(
        header=header, transaction="EX7001", leg=leg, travellers=travellers
    )
    envelope = carriers.Envelope(
        sender="EXAMPLE AIR", recipient="SGPGOV", reference="42"
    )
    return carriers.write_paxlst(envelope, [flight])


def _assertion(client: str, audience: str, key: PrivateKey) -> str:
    """Return what a client proves itself with (RFC 7523), good once, for a minute."""
    at = int(datetime.now(UTC).timestamp())
    claims = {
        "iss": client, "sub": client, "aud": audience,
        "iat": at, "exp": at + 60, "jti": secrets.token_urlsafe(16),
    }  # fmt: skip
    header = canonical({"alg": "ES256", "typ": "JWT"})
    text = signing_input(header, canonical(claims))
    return f"{text}.{b64u(sign_es256(key, text.encode()))}"


def _asked(
    method: str, url: str, body: bytes | None, media_type: str, token: str = ""
) -> bytes:
    headers = {"Content-Type": media_type} if body is not None else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = urllib3.request(
        method, url, body=body, headers=headers, timeout=_SECONDS, retries=False
    )
    if answer.status != 200:
        raise RuntimeError(f"the register answers {answer.status}: {answer.data!r}")
    return answer.data
