"""Ask an economy's register by the passport alone, and believe what it has signed.

A carrier's system proves itself with a key of its own (RFC 7523), gets a token for a
few minutes, and asks. What counts of the answer is the signed statement in it, checked
with the trust data of this device: the connection and whoever is in between count for
nothing. An answer that does not come in time is none.

Source: docs/advance-passenger.md; docs/web-services.md.
"""

import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple, Self

from cryptography.hazmat.primitives.asymmetric import ec

from . import _b64, _jose, _json
from .card import is_economy_code
from .decision import MustSee
from .entry_basis import BasisAnswer, EntryBasis
from .errors import RegisterError, ServiceMessageError
from .passport import Passport
from .service_message import read_service_message
from .trust import Trust

LONGEST: Final = timedelta(seconds=2.5)
"""For everything that one question takes: whoever waits for us waits for three."""
STATEMENT: Final = "abtc-entry-basis+jwt"
"""Type of a signed answer."""
_FORMAT: Final = "abtc-carrier-1"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_HEADER: Final = {"alg": "ES256", "typ": "JWT"}
_LIFETIME: Final = 120
"""Seconds for which an assertion is good: a clock may be a minute off."""
_TOKEN_KEPT: Final = timedelta(minutes=4)
"""A token is good for five minutes."""
_SERVICES: Final = "/services/v1"
_THREADS: Final = 8
_END: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterCredentials:
    """Who a carrier's system is to one economy's register."""

    client_id: str
    """As the economy's administrators were told."""
    economy: str
    """Whose register it is."""
    secret: int = field(repr=False)
    """The private key, on P-256."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a credentials file.

        Raises:
            RegisterError: It is none; the message quotes nothing of it.
        """
        try:
            body = _json.parse_object(data)
            jwk = body.get("key")
            if body.get("format") != _FORMAT or not _json.is_object(jwk):
                raise RegisterError("not the credentials of a carrier")
            client_id, economy = body.get("client_id"), body.get("economy")
            if not isinstance(client_id, str) or not _jose.is_key_id(client_id):
                raise RegisterError("client_id is malformed")
            if not isinstance(economy, str) or not is_economy_code(economy):
                raise RegisterError("economy is no alpha-3 code")
            return cls(client_id=client_id, economy=economy, secret=_secret(jwk))
        except ValueError as error:
            raise RegisterError("not the credentials of a carrier") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterAnswer:
    """What a register has answered, and signed."""

    basis: EntryBasis
    economy: str
    """Whose service key has signed."""
    reference: str
    """Under which the register can be asked again."""
    statement: str
    """The signed answer, to be kept as evidence."""


class Register:
    """A register that can be asked; safe to share between threads.

    Args:
        url: Where the economy's web services are, without a path of their own.
        credentials: Who asks.

    Raises:
        RegisterError: ``url`` is no https address (http on this machine alone).
    """

    def __init__(self, url: str, credentials: RegisterCredentials) -> None:
        # Deciding needs no network library: only this does.
        from ._fetch import Caller  # noqa: PLC0415

        self._caller = Caller(url)
        self._credentials = credentials
        self._key = ec.derive_private_key(credentials.secret, ec.SECP256R1())
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="register")
        self._lock = threading.Lock()
        self._token: tuple[str, datetime] | None = None

    def ask(
        self,
        passport: Passport,
        *,
        destination: str,
        arrival: date,
        trust: Trust,
        now: datetime,
    ) -> RegisterAnswer:
        """Ask whether any card for a passport gives an entry basis.

        The economy asked asks others in turn where it does not know the card.

        Args:
            passport: Country and number count.
            destination: Alpha-3.
            arrival: Day there.
            trust: What this device believes; it has the economy's keys.
            now: The moment; timezone-aware.

        Raises:
            RegisterError: No answer came in time; or it is not signed by the economy,
                for this client, about this question.
        """
        # A server that lets a byte go now and then would keep a socket busy for ever.
        question = _Question(passport, destination, arrival, trust, now)
        asked = self._pool.submit(self._ask, question)
        try:
            statement = asked.result(LONGEST.total_seconds())
        except Late as error:
            raise RegisterError("the register took too long") from error
        return read_register_answer(
            statement,
            economy=self._credentials.economy,
            audience=f"urn:abtc:client:{self._credentials.client_id}",
            passport=passport,
            destination=destination,
            arrival=arrival,
            trust=trust,
            now=now,
        )

    def _ask(self, question: "_Question") -> str:
        said = _said(question.passport, question.destination, question.arrival)
        body = {**said, "everybody": True}
        token = self._token_at(question.trust, question.now)
        status, answer = self._caller.post(
            f"{_SERVICES}/{self._credentials.economy}/entry-basis",
            _json.canonical(body).encode(),
            {
                "Content-Type": "application/json",
                "Authorization": f"Bearer {token}",
            },
            seconds=LONGEST.total_seconds(),
        )
        if status == 401:
            self._forget_token()
        return _member(status, answer, "statement")

    def _token_at(self, trust: Trust, now: datetime) -> str:
        from ._fetch import form_body  # noqa: PLC0415  # as above

        with self._lock:
            known = self._token
        if known is not None and now < known[1]:
            return known[0]
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._assertion(trust, now),
        }
        status, answer = self._caller.post(
            f"{_SERVICES}/token",
            form_body(form),
            {"Content-Type": "application/x-www-form-urlencoded"},
            seconds=LONGEST.total_seconds(),
        )
        token = _member(status, answer, "access_token")
        with self._lock:
            self._token = token, now + _TOKEN_KEPT
        return token

    def _forget_token(self) -> None:
        with self._lock:
            self._token = None

    def _assertion(self, trust: Trust, now: datetime) -> str:
        seconds = int(now.timestamp())
        client = self._credentials.client_id
        claims = {
            "iss": client,
            "sub": client,
            "aud": self._issuer_url(trust),
            "iat": seconds,
            "exp": seconds + _LIFETIME,
            "jti": secrets.token_urlsafe(16),
        }
        parts = [_json.canonical(each).encode() for each in (_HEADER, claims)]
        text = ".".join(_b64.encode(each) for each in parts)
        return f"{text}.{_b64.encode(_jose.sign(self._key, text.encode()))}"

    def _issuer_url(self, trust: Trust) -> str:
        url = trust.economies.get(self._credentials.economy)
        if url is None:
            raise RegisterError("the trust data has no such economy: update it")
        return url


def read_register_answer(
    statement: str,
    *,
    economy: str,
    audience: str,
    passport: Passport,
    destination: str,
    arrival: date,
    trust: Trust,
    now: datetime,
) -> RegisterAnswer:
    """Read an answer that an economy's register has signed.

    Args:
        statement: Service message of type ``abtc-entry-basis+jwt``.
        economy: Who was asked.
        audience: Who asked: ``urn:abtc:client:<id>``, or an issuer URL.
        passport: Whom it was asked about; country and number count.
        destination: Alpha-3.
        arrival: Day there.
        trust: What this side believes.
        now: The moment; for evidence that was kept, that of the answer.

    Raises:
        RegisterError: It is not signed by that economy, for this asker, about this
            question; or says something else than an answer.
    """
    try:
        said = read_service_message(
            statement, typ=STATEMENT, audience=audience, trust=trust, now=now
        )
    except ServiceMessageError as error:
        raise RegisterError(f"the answer is not believed: {error}") from error
    asked = _said(passport, destination, arrival)
    claims = {name: said.claims.get(name) for name in asked}
    if said.keys.is_test:
        raise RegisterError("the answer is of an economy that is marked for tests")
    if said.economy != economy or claims != asked:
        raise RegisterError("the answer is to another question, or of another")
    return _answer(said.claims, said.economy, passport, statement)


def _said(passport: Passport, destination: str, arrival: date) -> dict[str, object]:
    """Return what goes out, and comes back signed."""
    return {
        "passport": {"country": passport.country, "number": passport.number},
        "destination": destination,
        "arrival": arrival.isoformat(),
    }


class _Question(NamedTuple):
    passport: Passport
    destination: str
    arrival: date
    trust: Trust
    now: datetime


def _answer(
    claims: Mapping[str, object], economy: str, passport: Passport, statement: str
) -> RegisterAnswer:
    try:
        answer = _one_of(BasisAnswer, claims.get("answer"))
        gives = answer is BasisAnswer.GIVES
        basis = EntryBasis(
            answer=answer,
            destination=str(claims["destination"]),
            arrival=date.fromisoformat(str(claims["arrival"])),
            answered_at=_moment(claims["answered_at"]),
            data_as_of=_optional(claims.get("data_as_of")),
            stay_until=_day(claims.get("stay_until")) if gives else None,
            form=_form(claims.get("form")) if gives else None,
            card_last_day=_day(claims.get("card_last_day")) if gives else None,
            passport_country=passport.country if gives else None,
            passport_number_end=passport.number[-_END:] if gives else None,
            must_see=_must_see(claims.get("must_see")) if gives else (),
        )
        reference = _reference(claims["reference"])
    except (KeyError, ValueError) as error:
        raise RegisterError("the answer is of another form") from error
    return RegisterAnswer(
        basis=basis, economy=economy, reference=reference, statement=statement
    )


def _reference(value: object) -> str:
    if not isinstance(value, str) or not _jose.is_key_id(value):
        raise ValueError("reference is malformed")
    return value


def _secret(jwk: Mapping[str, object]) -> int:
    text = jwk.get("d")
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or not isinstance(text, str):
        raise ValueError("not a private key on P-256")
    data = _b64.decode(text)
    value = int.from_bytes(data, "big")
    if len(data) != 32 or not value:
        raise ValueError("not a private key on P-256")
    ec.derive_private_key(value, ec.SECP256R1())  # else it is beyond the curve's order
    return value


def _member(status: int, answer: bytes, name: str) -> str:
    """Return a text of a good answer; else say what was answered, and quote nothing."""
    try:
        found = _json.parse_object(answer).get(name) if status == 200 else None
    except ValueError:
        found = None
    if not isinstance(found, str):
        raise RegisterError(f"the register answers {status}, and not what was asked")
    return found


def _one_of(words: type[BasisAnswer], value: object) -> BasisAnswer:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return words(value)


def _moment(value: object) -> datetime:
    found = datetime.fromisoformat(str(value))
    if found.tzinfo is None:
        raise ValueError("a moment without a zone")
    return found.astimezone(UTC)


def _optional(value: object) -> datetime | None:
    return None if value is None else _moment(value)


def _day(value: object) -> date | None:
    return None if value is None else date.fromisoformat(str(value))


def _form(value: object) -> str | None:
    if value not in {None, "app", "physical"}:
        raise ValueError("no form of a card")
    return None if value is None else str(value)


def _must_see(value: object) -> tuple[MustSee, ...]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return tuple(MustSee(str(each)) for each in value)
