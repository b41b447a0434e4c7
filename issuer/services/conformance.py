"""Ask another system what docs/web-services.md says, and see whether it does so.

For who builds the other side: a list of named checks against a running system, from the
place of an economy that asks it.  It asks about invented holders, so the system under
test has to be one where nothing is real.
"""

import json
import secrets
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import verifier
from issuer.api.strict_json import read_object
from issuer.errors import Invalid, StatementError
from issuer.jws import (
    b64u,
    canonical,
    moment_on_wire,
    new_private_key,
    public_jwk,
    sign_es256,
    signing_input,
)
from issuer.outbound import Deadline, Outbound, UnreachableError
from issuer.services.identity import ServiceIdentity
from issuer.services.tokens import ASSERTION, ASSERTION_KIND
from issuer.statements import verify_statement

PREFIX: Final = "/services/v1"
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_LINES: Final = "application/x-ndjson"
_PROBLEM: Final = "application/problem+json"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST: Final = 30.0
"""Seconds for one answer."""
_MAX_ANSWER: Final = 8 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What one check has found."""

    name: str
    passed: bool
    detail: str
    """What was expected and what came, where it did not pass."""


class _Failed(Exception):  # noqa: N818  # never leaves this module
    """The system does something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answered:
    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip()

    def json(self) -> dict[str, Any]:
        try:
            return read_object(self.data)
        except Invalid as error:
            raise _Failed(f"the answer {self.status} is no JSON object") from error

    def good(self) -> dict[str, Any]:
        if self.status != 200:
            raise _Failed(f"answer {self.status} instead of 200")
        return self.json()

    def problem(self, *statuses: int) -> dict[str, Any]:
        """Demand a refusal with one of some statuses, in the shape of RFC 9457."""
        if self.status not in statuses:
            wanted = " or ".join(map(str, statuses))
            raise _Failed(f"answer {self.status} instead of {wanted}")
        body = self.json()
        if self.media_type != _PROBLEM or not isinstance(body.get("code"), str):
            raise _Failed("a refusal is no problem with a code (RFC 9457)")
        return body


@dataclass(slots=True, kw_only=True)
class _Probe:
    """One system under test, asked by one economy at one moment."""

    url: str
    economy: str
    identity: ServiceIdentity
    trust: verifier.Trust
    now: datetime
    outbound: Outbound = field(default_factory=Outbound)
    token: str = ""
    run: str = field(default_factory=lambda: secrets.token_hex(6))
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    @property
    def audience(self) -> str:
        return self.trust.economies[self.economy]

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        media_type: str = _JSON,
        token: str | None = None,
        **headers: str,
    ) -> _Answered:
        sent = {"User-Agent": "abtc-conformance", **headers}
        if body is not None:
            sent["Content-Type"] = media_type
        if token is None or token:
            sent["Authorization"] = f"Bearer {self.token if token is None else token}"
        try:
            answer = self.outbound.ask(
                method,
                f"{self.url}{PREFIX}{path}",
                until=Deadline.after(_LONGEST),
                body=body,
                headers=sent,
                most=_MAX_ANSWER,
            )
        except UnreachableError as error:
            raise _Failed(f"it {error}") from error
        return _Answered(status=answer.status, headers=answer.headers, data=answer.body)

    def ask(
        self, method: str, path: str, given: object = None, **headers: str
    ) -> _Answered:
        body = None if given is None else json.dumps(given).encode()
        return self.send(method, f"/{self.economy}{path}", body, **headers)

    def ask_token(self, assertion: str) -> _Answered:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_KIND,
            "client_assertion": assertion,
        }
        return self.send(
            "POST", "/token", urlencode(form).encode(), media_type=_FORM, token=""
        )

    def assertion(self, *, aud: str | None = None, at: datetime | None = None) -> str:
        return self.identity.sign(ASSERTION, aud or self.audience, {}, at or self.now)

    def holder(self, **changes: str) -> dict[str, str]:
        """Return a request about somebody who does not exist."""
        number = next(self.numbers)
        letters = "".join(
            secrets.choice(string.ascii_uppercase) for _ in range(8)
        )  # fmt: skip
        return {
            "issuer": self.identity.economy,
            "reference": f"test-{self.run}-{number}",
            "family_name": f"TEST {letters}",
            "given_name": "CONFORMANCE",
            "birthdate": "1980-01-01",
            "sex": "X",
            "nationality": self.identity.economy,
            "passport_country": self.identity.economy,
            "passport_number": f"T{letters}",
            "passport_issued_on": (self.now - timedelta(days=365)).date().isoformat(),
            "passport_expires_on": (self.now + timedelta(days=3000)).date().isoformat(),
            "applied_on": (self.now - timedelta(days=30)).date().isoformat(),
            "card_expires_at": (self.now + timedelta(days=1000))
            .replace(microsecond=0)
            .isoformat(),
            **changes,
        }

    def taken(self) -> dict[str, str]:
        """Have a request taken; return it."""
        holder = self.holder()
        self.ask("POST", "/preclearance-requests", holder).good()
        return holder


_Check = Callable[[_Probe], None]
_checks: list[tuple[str, _Check]] = []


def _check(name: str) -> Callable[[_Check], _Check]:
    def listed(check: _Check) -> _Check:
        _checks.append((name, check))
        return check

    return listed


def check_names() -> tuple[str, ...]:
    """Return the names of all checks, in their order."""
    return tuple(name for name, _ in _checks)


def check_all(
    url: str,
    economy: str,
    *,
    identity: ServiceIdentity,
    trust: verifier.Trust,
    now: datetime,
) -> tuple[Checked, ...]:
    """Run every check.

    Args:
        url: Where the system is: https, or http on this machine; without a path.
        economy: Which of the economies hosted there is asked.
        identity: Of the economy that asks; hosted elsewhere than the system.
        trust: What both sides know each other by.
        now: The moment; both clocks have to agree to the minute.

    Raises:
        ValueError: The address is another, or the trust data does not name the economy.
    """
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or parts.hostname in _LOOPBACK
    if not is_safe or parts.scheme not in {"http", "https"} or parts.path.strip("/"):
        raise ValueError("the address is https://host, without a path")
    if economy not in trust.economies:
        raise ValueError(f"the trust data does not name {economy}")
    probe = _Probe(
        url=url.rstrip("/"), economy=economy, identity=identity, trust=trust, now=now
    )
    return tuple(_run(probe, name, check) for name, check in _checks)


def _run(probe: _Probe, name: str, check: _Check) -> Checked:
    try:
        check(probe)
    except _Failed as failed:
        return Checked(name=name, passed=False, detail=str(failed))
    except (KeyError, TypeError, IndexError, ValueError) as error:
        kind = type(error).__name__
        return Checked(name=name, passed=False, detail=f"another shape ({kind})")
    return Checked(name=name, passed=True, detail="")


def _demand(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise _Failed(otherwise)


# Who speaks


@_check("keys.delegation")
def _keys(probe: _Probe) -> None:
    body = probe.send("GET", f"/{probe.economy}/keys", token="").good()
    try:
        keys = verifier.read_service_keys(
            str(body["delegation"]), trust=probe.trust, now=probe.now
        )
    except verifier.ServiceMessageError as error:
        raise _Failed(error.code) from error
    _demand(keys.economy == probe.economy, "the keys are another economy's")


@_check("token.given")
def _token(probe: _Probe) -> None:
    answer = probe.ask_token(probe.assertion())
    body = answer.good()
    probe.token = str(body["access_token"])
    _demand(str(body["token_type"]).lower() == "bearer", "it is no bearer token")
    _demand(0 < int(body["expires_in"]) <= 300, "it lasts for more than 5 minutes")
    _demand("no-store" in answer.headers.get("cache-control", ""), "it may be cached")


def _refused(probe: _Probe, assertion: str) -> None:
    answer = probe.ask_token(assertion)
    _demand(answer.status in {400, 401}, f"answer {answer.status} instead of 401")
    _demand("error" in answer.json(), "the refusal is not as RFC 6749 has it")


@_check("token.replayed")
def _token_replayed(probe: _Probe) -> None:
    assertion = probe.assertion()
    probe.ask_token(assertion).good()
    _refused(probe, assertion)


@_check("token.misaddressed")
def _token_misaddressed(probe: _Probe) -> None:
    _refused(probe, probe.assertion(aud=probe.identity.issuer_url))


@_check("token.expired")
def _token_expired(probe: _Probe) -> None:
    _refused(probe, probe.assertion(at=probe.now - timedelta(minutes=10)))


@_check("token.ahead")
def _token_ahead(probe: _Probe) -> None:
    _refused(probe, probe.assertion(at=probe.now + timedelta(minutes=10)))


@_check("token.type")
def _token_type(probe: _Probe) -> None:
    _refused(
        probe, probe.identity.sign("abtc-event+jwt", probe.audience, {}, probe.now)
    )


@_check("token.signature")
def _token_signature(probe: _Probe) -> None:
    one, other = probe.assertion().split("."), probe.assertion().split(".")
    _refused(probe, f"{one[0]}.{other[1]}.{one[2]}")


@_check("token.delegation")
def _token_delegation(probe: _Probe) -> None:
    """A delegation that no status key has signed, to a key of our own making."""
    key, header = new_private_key(), probe.identity.delegation.split(".")[0]
    claims = {
        "iss": probe.identity.issuer_url,
        "iat": moment_on_wire(probe.now),
        "exp": moment_on_wire(probe.now + timedelta(days=1)),
        "keys": [{**public_jwk(key.public_key()), "kid": "mine", "use": "sig"}],
    }
    text = f"{header}.{b64u(canonical(claims))}"
    made = f"{text}.{b64u(sign_es256(key, text.encode()))}"
    head = {"alg": "ES256", "delegation": made, "kid": "mine", "typ": ASSERTION}
    said = {
        "iss": probe.identity.issuer_url,
        "aud": probe.audience,
        "iat": moment_on_wire(probe.now),
        "exp": moment_on_wire(probe.now + timedelta(minutes=5)),
        "jti": secrets.token_urlsafe(16),
    }
    signed = signing_input(canonical(head), canonical(said))
    _refused(probe, f"{signed}.{b64u(sign_es256(key, signed.encode()))}")


@_check("token.needed")
def _token_needed(probe: _Probe) -> None:
    path = f"/{probe.economy}/answers"
    for token in ("", secrets.token_urlsafe(32)):
        probe.send("GET", path, token=token).problem(401)


@_check("token.economy")
def _token_economy(probe: _Probe) -> None:
    path = f"/{probe.identity.economy}/answers"
    probe.send("GET", path).problem(403, 404)


# Requests


@_check("request.taken")
def _request(probe: _Probe) -> None:
    answer = probe.ask("POST", "/preclearance-requests", probe.holder())
    _demand(answer.good()["state"] == "pending", "it is not pending")
    _demand("set-cookie" not in answer.headers, "it sets a cookie")
    _demand("no-store" in answer.headers.get("cache-control", ""), "it may be cached")


@_check("request.once")
def _request_once(probe: _Probe) -> None:
    holder = probe.holder()
    found = [
        probe.ask("POST", "/preclearance-requests", holder).good()["preclearance"]
        for _ in range(2)
    ]
    _demand(found[0] == found[1], "the same request twice makes two")


@_check("request.key")
def _request_key(probe: _Probe) -> None:
    headers = {"Idempotency-Key": f"{probe.run}-key"}
    holder = probe.holder()
    one = probe.ask("POST", "/preclearance-requests", holder, **headers).good()
    two = probe.ask("POST", "/preclearance-requests", holder, **headers).good()
    _demand(one == two, "the same request under the same key is answered otherwise")
    other = probe.ask("POST", "/preclearance-requests", probe.holder(), **headers)
    other.problem(409)


@_check("request.own")
def _request_own(probe: _Probe) -> None:
    other = next(
        code
        for code in sorted(probe.trust.economies)
        if code not in {probe.economy, probe.identity.economy}
    )
    holder = probe.holder(issuer=other)
    probe.ask("POST", "/preclearance-requests", holder).problem(403)


@_check("request.fields")
def _request_fields(probe: _Probe) -> None:
    holder = probe.holder(sex="?", passport_number="?")
    body = probe.ask("POST", "/preclearance-requests", holder).problem(400)
    named = {each["field"] for each in body["problems"]}
    _demand({"sex", "passport_number"} <= named, "it does not name what is wrong")


@_check("request.strict")
def _request_strict(probe: _Probe) -> None:
    path = f"/{probe.economy}/preclearance-requests"
    for body in (b"{", b'{"issuer":"AAA","issuer":"BBB"}', b"[" * 100_000, b"\xff"):
        probe.send("POST", path, body).problem(400)


@_check("request.size")
def _request_size(probe: _Probe) -> None:
    path = f"/{probe.economy}/preclearance-requests"
    probe.send("POST", path, b" " * (2**20 + 1)).problem(400, 413)


@_check("bulk.rows")
def _bulk(probe: _Probe) -> None:
    rows = [probe.holder(), probe.holder(sex="?"), probe.holder()]
    lines = [json.dumps(each).encode() for each in rows]
    body = b"".join(each + b"\n" for each in (*lines, b"{"))
    path = f"/{probe.economy}/preclearance-requests/bulk"
    answer = probe.send("POST", path, body, media_type=_LINES)
    _demand(answer.status == 200, f"answer {answer.status} instead of 200")
    results = [read_object(line) for line in answer.data.splitlines()]
    found = [(each["row"], each["status"]) for each in results]
    wanted = [(1, 200), (2, 400), (3, 200), (4, 400)]
    _demand(found == wanted, "rows have not each its own result, in their order")


@_check("request.list")
def _request_list(probe: _Probe) -> None:
    wanted = {probe.taken()["reference"] for _ in range(3)}
    found, cursor, more, pages = [], "", True, 0
    while more and pages < 10_000:
        page = probe.ask(
            "GET", f"/preclearance-requests?limit=2&cursor={cursor}"
        ).good()
        found += [each["reference"] for each in page["requests"]]
        _demand(not page["more"] or page["cursor"] != cursor, "the cursor stands still")
        cursor, more, pages = page["cursor"], page["more"], pages + 1
    _demand(wanted <= set(found), "a request is missing from the pages")
    _demand(len(found) == len(set(found)), "a request is in the pages twice")


# What is told later


@_check("card.revision")
def _card(probe: _Probe) -> None:
    path = f"/cards/{probe.taken()['reference']}"
    told = probe.ask("PUT", path, {"revision": 2, "event": "suspend"}).good()
    _demand(told["applied"] is True, "what is new is not applied")
    late = probe.ask("PUT", path, {"revision": 1, "event": "cancel"}).good()
    _demand(late["applied"] is False, "what is older than the newest is applied")
    _demand(late["state"] == "suspended", "what is older has changed the card")
    again = probe.ask("PUT", path, {"revision": 2, "event": "suspend"}).good()
    _demand(again["applied"] is False, "the same is applied twice")


@_check("card.unknown")
def _card_unknown(probe: _Probe) -> None:
    path = f"/cards/nobody-{probe.run}"
    probe.ask("PUT", path, {"revision": 1, "event": "cancel"}).problem(404)


@_check("applicants.withdrawn")
def _withdrawn(probe: _Probe) -> None:
    given = {"references": [probe.taken()["reference"], f"nobody-{probe.run}"]}
    found = [
        [
            each["outcome"]
            for each in probe.ask("POST", "/applicants-withdrawn", given).good()[
                "results"
            ]
        ]
        for _ in range(2)
    ]
    _demand(
        found == [["ended", "record.unknown"], ["known", "record.unknown"]],
        "it does not end what was withdrawn, once",
    )


# Answers


@_check("answers.signed")
def _answers(probe: _Probe) -> None:
    """What there is: each is signed, about our cards alone, and each comes once."""
    cursor, more, pages = "", True, 0
    seen: set[str] = set()
    while more and pages < 10_000:
        page = probe.ask("GET", f"/answers?limit=50&cursor={cursor}").good()
        for each in page["answers"]:
            _demand(each["cursor"] not in seen, "an answer comes twice")
            seen.add(each["cursor"])
            _verify(probe, str(each["statement"]))
        cursor, more, pages = page["cursor"], page["more"], pages + 1


def _verify(probe: _Probe, statement: str) -> None:
    issuer = probe.trust.issuer_at(probe.audience)
    _demand(issuer is not None, "the trust data has no keys of the economy")
    keys = issuer.status_keys if issuer else {}
    for key_id, key in keys.items():
        try:
            said = verify_statement(
                statement, iss=probe.audience, key_id=key_id, key=key.public_key
            )
        except StatementError:
            continue
        ours = {each.issuer for each in said.decisions} == {probe.identity.economy}
        _demand(ours, "a statement speaks of others' cards")
        return
    raise _Failed("a statement is not signed by a status key of the economy")


@_check("answers.cursor")
def _cursor(probe: _Probe) -> None:
    probe.ask("GET", "/answers?cursor=nonsense").problem(400)
    probe.ask("GET", "/answers?limit=100000").problem(400)


@_check("statement.refused")
def _statement(probe: _Probe) -> None:
    """A statement that nobody has signed is no answer."""
    text = f"{b64u(b'{}')}.{b64u(b'{}')}.{b64u(bytes(64))}"
    probe.ask("POST", "/statements", {"statement": text}).problem(400, 409)


@_check("indexes.listed")
def _indexes(probe: _Probe) -> None:
    page = probe.ask("GET", "/status-indexes").good()
    _demand(isinstance(page["indexes"], list), "there is no list of indexes")
    _demand(isinstance(page["cursor"], str), "there is no cursor")


@_check("statistics.shown")
def _statistics(probe: _Probe) -> None:
    body = probe.ask("GET", "/statistics").good()
    _demand(body["economy"] == probe.economy, "the figures are another economy's")
    _demand(body["open"] >= 1, "what was asked is not counted")


@_check("webhook.registered")
def _webhook(probe: _Probe) -> None:
    """Nobody can have the system knock on doors that were not registered."""
    for url in ("https://127.0.0.1/", "http://169.254.169.254/", "file:///etc/hosts"):
        given = {"url": url, "event": "answers"}
        probe.ask("POST", "/webhooks", given).problem(400)


@_check("nothing.there")
def _nothing(probe: _Probe) -> None:
    probe.ask("GET", "/nothing-of-this-name").problem(404)
