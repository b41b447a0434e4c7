"""What a view has at hand: the office, the moment, who asks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, cast

from flask import Response, current_app, g, request
from sqlalchemy import select
from werkzeug.exceptions import NotFound

from issuer.api.problems import MEDIA_TYPE, Problem
from issuer.errors import Conflict
from issuer.holding import Holders, Known, Shown
from issuer.office import Desk, Office
from issuer.scheme import Scheme
from issuer.store import HostedEconomy
from wallet_api.errors import ProtocolError
from wallet_api.pace import Pace
from wallet_api.proof import BadProof, Expected, SignedProof, check_dpop
from wallet_api.settings import Settings

_NONCE_SECONDS: Final = 300
"""A nonce for proofs is good for as long, and for as long again."""
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
NAME: Final = "abtc-wallet"
"""Under which an app keeps its `Site`."""


@dataclass(slots=True, kw_only=True)
class Site:
    """What all requests share."""

    office: Office
    settings: Settings
    holders: Holders
    pace: Pace
    _hosted: frozenset[str] = field(default_factory=frozenset)

    def is_hosted(self, economy: str) -> bool:
        """Tell whether an economy's cards are issued here."""
        if economy not in self._hosted:
            rows = self.office.store.read(
                lambda session: session.scalars(select(HostedEconomy.code)).all()
            )
            self._hosted = frozenset(rows)
        return economy in self._hosted

    def scheme(self) -> Scheme:
        """Return the scheme in force."""
        return self.office.store.read(self.office.scheme)


def site() -> Site:
    """Return what all requests share."""
    return cast(Site, current_app.extensions[NAME])


def now() -> datetime:
    """Return the moment of this request, the same for all of it."""
    if "now" not in g:
        g.now = site().settings.clock()
    return cast(datetime, g.now)


def issuer_of(economy: str) -> str:
    """Return the identifier of an economy that is hosted here.

    Raises:
        NotFound: It is not.
    """
    if not site().is_hosted(economy):
        raise NotFound
    return site().settings.issuer(economy)


def desk(economy: str, reason: str) -> Desk:
    """Return the desk of the installation itself, for this request."""
    return site().office.system_desk(economy, now=now(), reason=reason)


# Who asks


def proof_for(path: str, *, token: str | None = None) -> SignedProof:
    """Return the DPoP proof that came with this request.

    Args:
        path: Of the address, behind the one in the settings.
        token: The access token that it has to be for.

    Raises:
        ProtocolError: ``invalid_dpop_proof``, or ``use_dpop_nonce``.
    """
    url = f"{site().settings.url}{path}"
    expected = Expected(method=request.method, url=url, access_token=token, now=now())
    # Two headers arrive joined by a comma, which no proof has.
    given = request.headers.get("DPoP", "")
    try:
        proof = check_dpop(given, expected)
    except BadProof as error:
        raise ProtocolError("invalid_dpop_proof", f"the proof: {error}") from error
    if site().settings.wallet.dpop_nonce and not _is_ours(proof.claims.get("nonce")):
        fresh = {"DPoP-Nonce": _dpop_nonce(_slot())}
        raise ProtocolError("use_dpop_nonce", "use the nonce given here", headers=fresh)
    return proof


def _slot() -> int:
    return int(now().timestamp()) // _NONCE_SECONDS


def _dpop_nonce(slot: int) -> str:
    """Return the value of a time: nothing is kept of it."""
    return f"{slot}.{site().settings.key.mark('dpop nonce', str(slot))}"


def _is_ours(nonce: object) -> bool:
    slot = _slot()
    return nonce in (_dpop_nonce(slot), _dpop_nonce(slot - 1))


def identity_of(proof: SignedProof) -> str:
    """Return what tells a proof from every other one."""
    return f"{proof.thumbprint}.{proof.claims['jti']}"


def shown(economy: str, path: str) -> Shown:
    """Return what this request shows to be let in: a token, and a proof for it.

    Raises:
        ProtocolError: ``invalid_token`` or ``invalid_dpop_proof``, with status 401.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "dpop" or not token:
        # Also for a bound token that is sent as a bearer's.
        raise unauthorized(None if not scheme else "invalid_token")
    try:
        proof = proof_for(f"/{economy}/{path}", token=token)
    except ProtocolError as error:
        raise unauthorized(error.error, error.description, error.headers) from error
    return Shown(
        economy=economy,
        access=token,
        phone_key=proof.thumbprint,
        proof=identity_of(proof),
    )


def known(economy: str, path: str) -> Known:
    """Return the phone that asks.

    Raises:
        ProtocolError: As for `shown`.
    """
    who = shown(economy, path)
    try:
        return site().holders.known(who, now=now())
    except Conflict as error:
        raise let_in(error) from error


def let_in(error: Conflict) -> Exception:
    """Return the refusal of a phone that did not get in, or what else it is."""
    match error.code:
        case "token.invalid":
            return unauthorized("invalid_token")
        case "proof.used":
            return unauthorized("invalid_dpop_proof", "the proof was shown before")
        case _:
            return error


def unauthorized(
    error: str | None, description: str = "", headers: Mapping[str, str] = _NONE
) -> ProtocolError:
    """Build the refusal of a protected address (RFC 9449, section 7.1).

    Args:
        error: None where nothing was shown at all (RFC 6750, section 3.1).
        description: For people who build wallets.
        headers: To be sent beside the challenge.
    """
    parts = [f'error="{error}"'] if error else []
    challenge = "DPoP " + ", ".join([*parts, 'algs="ES256"'])
    return ProtocolError(
        error or "invalid_token",
        description,
        status=401,
        headers={**headers, "WWW-Authenticate": challenge},
    )


# Answers


def answer(body: Mapping[str, Any], status: int = 200) -> Response:
    """Return an object as JSON."""
    return Response(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=status,
        mimetype="application/json",
    )


def nothing() -> Response:
    """Return that it is done, and that there is nothing to say."""
    return Response(status=204)


def problem_answer(problem: Problem) -> Response:
    """Return a refusal of the holder's own API."""
    return Response(
        json.dumps(problem.body()), status=problem.status, mimetype=MEDIA_TYPE
    )
