"""The reference phone, grown into a client: takes offers, keeps its card fresh, moves.

It speaks OpenID4VCI 1.0 with any issuer that offers this kind of card, and the holder's
own API with ours.  Each step is in its state before the next is begun, so that a
program that stops in between goes on where it was.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from issuer.counter import check_number
from issuer.jws import PrivateKey, moment_on_wire, new_private_key
from wallet_api.holder import Phone
from wallet_api.holder_net import FORM, Answer, Network, Refused, jwt
from wallet_api.holder_proof import EntryProof
from wallet_api.proof import thumbprint

PRE_AUTHORIZED: Final = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
_ENDPOINTS: Final = ("credential_endpoint", "nonce_endpoint")
_OPTIONAL: Final = ("deferred_credential_endpoint", "notification_endpoint")


class OfferError(Exception):
    """What was scanned or opened is no offer that can be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An offer, as its issuer states it."""

    issuer: str
    configuration: str
    code: str
    needs_code: bool
    """A one-time code travels another way."""


def read_offer(link: str, network: Network) -> Offer:
    """Read an offer from a link, fetching it where the link says so.

    Args:
        link: ``openid-credential-offer://?...``, or the web wallet's address with
            ``#offer?...``.
        network: Asks.

    Raises:
        OfferError: It is none.
        Refused, Unreachable: The offer is over, or nobody answers.

    Source: OpenID4VCI 1.0, section 4.1.
    """
    parts = urlsplit(link.strip())
    query = parts.fragment.partition("?")[2] if parts.fragment else parts.query
    given = parse_qs(query)
    try:
        if "credential_offer_uri" in given:
            body = network.ask(given["credential_offer_uri"][0]).body
        else:
            body = json.loads(given["credential_offer"][0])
        grant = body["grants"][PRE_AUTHORIZED]
        return Offer(
            issuer=str(body["credential_issuer"]),
            configuration=str(body["credential_configuration_ids"][0]),
            code=str(grant["pre-authorized_code"]),
            needs_code="tx_code" in grant,
        )
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise OfferError("this is no offer of a card") from error


@dataclass(slots=True, kw_only=True)
class Holder:
    """A phone with its keys, its tokens and its card; see `to_json`."""

    issuer: str
    configuration: str
    endpoints: dict[str, str]
    code: str = ""
    """Of the offer, for as long as no answer has brought tokens for it."""
    needs_code: bool = False
    token_key: PrivateKey = field(default_factory=new_private_key)
    holder_key: PrivateKey = field(default_factory=new_private_key)
    access: str = ""
    refresh_token: str = ""
    card: str = ""
    transaction: str = ""

    @classmethod
    def for_offer(
        cls, offer: Offer, network: Network, *, token_key: PrivateKey | None = None
    ) -> Self:
        """Make a phone that will take an offer, from what the issuer publishes.

        Args:
            offer: Of `read_offer`, or of `AtCounter.offer`.
            network: Asks.
            token_key: The key that an officer has seen at a counter; else a new one.

        Raises:
            OfferError: The issuer does not describe itself as it must.
            Refused, Unreachable: It does not answer.
        """
        issuer = _described(network, "openid-credential-issuer", offer.issuer)
        server = _described(network, "oauth-authorization-server", offer.issuer)
        known = issuer.get("credential_configurations_supported")
        if issuer.get("credential_issuer") != offer.issuer or not (
            isinstance(known, dict) and offer.configuration in known
        ):
            raise OfferError("the issuer does not know this offer")
        names = [*_ENDPOINTS, *(each for each in _OPTIONAL if each in issuer)]
        try:
            found = {name: str(issuer[name]) for name in names}
            found["token_endpoint"] = str(server["token_endpoint"])
        except KeyError as error:
            raise OfferError("the issuer does not say where to ask") from error
        return cls(
            issuer=offer.issuer,
            configuration=offer.configuration,
            endpoints=found,
            code=offer.code,
            needs_code=offer.needs_code,
            token_key=token_key or new_private_key(),
        )

    # Tokens

    def redeem(self, one_time_code: str | None, network: Network) -> None:
        """Take the offer; the same phone may do so again where the answer was lost.

        Args:
            one_time_code: That came another way; None where none is needed.
            network: Asks.

        Raises:
            Refused: ``invalid_grant``: a wrong code, or the offer is over.
            Unreachable: Nobody answered.
        """
        fields = {"grant_type": PRE_AUTHORIZED, "pre-authorized_code": self.code}
        if one_time_code is not None:
            fields["tx_code"] = one_time_code
        self._take_tokens(network, fields)
        self.code = ""

    def renew(self, network: Network) -> None:
        """Get a fresh access token.

        Raises:
            Refused: ``invalid_grant``: the phone is signed out.
            Unreachable: Nobody answered.
        """
        fields = {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
        self._take_tokens(network, fields)

    # The card

    def fetch(self, network: Network) -> bool:
        """Fetch the card, or the newest one; False where it comes later.

        Raises:
            Refused: The issuer says no; `Refused.code` says why.
            Unreachable: Nobody answered; asking again gives the same card.
            CredentialError: What came is no card for this phone; the one before stays.
        """
        if self.transaction:
            try:
                body = {"transaction_id": self.transaction, "notification": True}
                answer = self._post("deferred_credential_endpoint", body, network)
                return self._received(answer, network)
            except Refused as error:
                if error.code != "invalid_transaction_id":
                    raise
                self.transaction = ""
        answer = self._post("credential_endpoint", self._request(network), network)
        return self._received(answer, network)

    def phone(self) -> Phone:
        """Return the phone that shows codes of the card.

        Raises:
            CredentialError: There is no card, or it is for another phone.
        """
        phone = Phone(self.holder_key)
        phone.receive(self.card)
        return phone

    # The holder's own API

    def prove(
        self, destination: str, arrival: date, network: Network
    ) -> EntryProof | None:
        """Get a proof that the card gives an entry basis; None if it gives none.

        The key is new: whoever is shown this proof and whoever is shown the next one
        cannot find that they were shown by one phone.

        Args:
            destination: Alpha-3.
            arrival: The day there.
            network: Asks the issuer, who is not told whom it is for.

        Raises:
            Refused: The issuer says no, or has no such API.
            Unreachable: Nobody answered.
            CredentialError: There is no card, or what came is no such proof.
        """
        key, moment = new_private_key(), network.now()
        # As at a border: the issuer's verifier wants the nonce that a moment has.
        nonce = f"iat.{moment_on_wire(moment)}"
        body = {
            "presentation": self.phone().present(self.issuer, nonce, moment),
            "proof": self._key_proof(key, network),
            "destination": destination,
            "arrival": arrival.isoformat(),
        }
        answer = self.own("holder/entry-basis", network, body)
        if answer.get("answer") != "gives":
            return None
        return EntryProof.received(
            str(answer.get("credential")),
            key,
            destination=destination,
            arrival=arrival,
        )

    def own(self, path: str, network: Network, body: object = None) -> dict[str, Any]:
        """Ask the holder's own API: with a body to do something, without to read.

        Raises:
            Refused: It says no; 404 where the issuer has no such API.
            Unreachable: Nobody answered.
        """
        return self._bound(f"{self.issuer}/{path}", body, network).body

    # In a file

    def to_json(self) -> dict[str, Any]:
        """Return everything, to be kept in secret."""
        return {
            "issuer": self.issuer,
            "configuration": self.configuration,
            "endpoints": self.endpoints,
            "code": self.code,
            "needs_code": self.needs_code,
            "token_key": _pem(self.token_key),
            "holder_key": _pem(self.holder_key),
            "access": self.access,
            "refresh_token": self.refresh_token,
            "card": self.card,
            "transaction": self.transaction,
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Self:
        """Return what `to_json` gave.

        Raises:
            ValueError: It is something else.
        """
        try:
            keys = {name: _key(kept[name]) for name in ("token_key", "holder_key")}
            return cls(**{**kept, **keys})
        except (KeyError, TypeError) as error:
            raise ValueError("this is no wallet") from error

    # Within

    def _take_tokens(self, network: Network, fields: dict[str, str]) -> None:
        answer = network.ask_bound(
            self.endpoints["token_endpoint"],
            self.token_key,
            body=urlencode(fields).encode(),
            content_type=FORM,
        ).body
        self.access = str(answer.get("access_token", ""))
        self.refresh_token = str(answer.get("refresh_token", self.refresh_token))

    def _request(self, network: Network) -> dict[str, object]:
        return {
            "credential_configuration_id": self.configuration,
            "proofs": {"jwt": [self._key_proof(self.holder_key, network)]},
        }

    def _key_proof(self, key: PrivateKey, network: Network) -> str:
        nonce = network.ask(self.endpoints["nonce_endpoint"], method="POST").body
        claims = {
            "aud": self.issuer,
            "iat": moment_on_wire(network.now()),
            "nonce": nonce.get("c_nonce", ""),
        }
        return jwt(key, "openid4vci-proof+jwt", claims)

    def _received(self, answer: Answer, network: Network) -> bool:
        if answer.status == 202:
            self.transaction = str(answer.body.get("transaction_id", ""))
            return False
        try:
            text = str(answer.body["credentials"][0]["credential"])
        except (KeyError, IndexError, TypeError):
            text = ""
        Phone(self.holder_key).receive(text)
        self.card, self.transaction = text, ""
        self._tell(answer.body.get("notification_id"), network)
        return True

    def _tell(self, notification: object, network: Network) -> None:
        if notification is None or "notification_endpoint" not in self.endpoints:
            return
        body = {"notification_id": notification, "event": "credential_accepted"}
        with suppress(Refused):  # the card is here; nothing depends on its being known
            self._post("notification_endpoint", body, network)

    def _post(self, endpoint: str, body: object, network: Network) -> Answer:
        return self._bound(self.endpoints[endpoint], body, network)

    def _bound(self, url: str, body: object, network: Network) -> Answer:
        def ask() -> Answer:
            return network.ask_bound(
                url,
                self.token_key,
                token=self.access,
                method="GET" if body is None else "POST",
                body=None if body is None else json.dumps(body).encode(),
            )

        try:
            return ask()
        except Refused as error:
            if error.code != "invalid_token":
                raise
        self.renew(network)
        return ask()


@dataclass(frozen=True, slots=True, kw_only=True)
class AtCounter:
    """A phone at a counter: its number is read aloud, and an officer types it."""

    issuer: str
    number: str
    """Eight digits; the last checks the others."""
    token_key: PrivateKey
    """The only key that can take the offer."""
    _id: int

    @classmethod
    def begin(cls, issuer: str, network: Network) -> Self:
        """Tell an economy's counter of this phone's new key.

        Args:
            issuer: Its identifier, such as ``https://wallet.example/AUS``.
            network: Asks.

        Raises:
            Refused, Unreachable: There is no such counter, or nobody answers.
        """
        key = new_private_key()
        answer = network.ask_bound(f"{issuer}/counter", key, body=b"{}").body
        return cls(
            issuer=issuer,
            number=check_number(thumbprint(key.public_key()), str(answer["random"])),
            token_key=key,
            _id=int(answer["id"]),
        )

    def offer(self, network: Network) -> Offer | None:
        """Fetch the offer; None while the officer has not typed the number.

        Raises:
            Refused: The phone has waited for too long.
            Unreachable: Nobody answered.
        """
        body = json.dumps({"id": self._id}).encode()
        counter = f"{self.issuer}/counter"
        link = network.ask_bound(counter, self.token_key, body=body).body["offer"]
        return None if link is None else read_offer(str(link), network)


def report_lost(issuer: str, number: str, code: str, network: Network) -> None:
    """Suspend the card of a phone that is lost, from any other.

    Args:
        issuer: Its identifier.
        number: Of the card, as it stands on it.
        code: Twelve letters and digits, told when the card was given.
        network: Asks.

    Raises:
        Refused: The card and the code do not fit, or too many were wrong.
        Unreachable: Nobody answered.
    """
    body = json.dumps({"document_number": number, "code": code}).encode()
    json_type = {"Content-Type": "application/json"}
    network.ask(f"{issuer}/lost", method="POST", body=body, headers=json_type)


def _described(network: Network, what: str, issuer: str) -> dict[str, Any]:
    parts = urlsplit(issuer)
    place = f"{parts.scheme}://{parts.netloc}/.well-known/{what}{parts.path}"
    return network.ask(place).body


def _pem(key: PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _key(pem: str) -> PrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("this is no wallet")
    return key
