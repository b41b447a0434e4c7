"""Who asks: assertions of economies and of clients, certificates, scopes, limits."""

from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import select

from issuer.errors import Conflict, Forbidden, Invalid, NotFound
from issuer.lifecycle import APPLICATION
from issuer.numbers import is_application_number
from issuer.services import exchange, hooks, views
from issuer.services.clients import Scope
from issuer.services.routes import ROUTES
from issuer.store import Application, Document, HeldSubmission, Webhook
from tests.databases import Prepared
from tests.issuer.office.flow import perform, refused
from tests.issuer.portal import faces
from tests.issuer.services.town import KIND, System, Town, code_of, url_of
from tests.simulator import NOW, fixed_key, jwk, jws, seconds

KEY = fixed_key("client")
PERSON = {"family_name": "Quinn", "given_name": "Ann", "birthdate": "1980-01-01",
          "sex": "F", "nationality": "NZL"}  # fmt: skip
PASSPORT = {"country": "NZL", "number": "L1234567", "issued_on": "2028-01-01",
            "expires_on": "2038-01-01"}  # fmt: skip


def refusal(answer: Any) -> tuple[int, str, str]:
    body = answer.get_json()
    return answer.status_code, body["error"], body["code"]


# Economies


def test_an_economy_needs_nothing_but_the_trust_data(town: Town) -> None:
    """A token comes with what it is good for; it is a secret of 256 bits."""
    answer = town.system("SGP").ask_token()
    body = answer.get_json()
    assert answer.status_code == 200
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 300)
    assert body["scope"] == "carriers passports preclearance statistics"
    assert len(body["access_token"]) == 43
    assert answer.headers["Cache-Control"] == "no-store"


def test_n2_an_assertion_counts_once(town: Town) -> None:
    """Who copied it on the way gets nothing for it."""
    singapore = town.system("SGP")
    assertion = singapore.message()
    assert singapore.ask_token(assertion).status_code == 200
    assert refusal(singapore.ask_token(assertion)) == (
        401, "invalid_client", "message.replayed",
    )  # fmt: skip


def test_n2_a_jti_is_its_economys_own(town: Town) -> None:
    """Nobody can use up what another economy will say."""
    for code in ("SGP", "KOR"):
        system = town.system(code)
        assert system.ask_token(system.message(jti="same")).status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": url_of("JPN")}, "message.misaddressed"),
        ({"iat": seconds(NOW + timedelta(seconds=61))}, "message.not_yet"),
        ({"iat": seconds(NOW - timedelta(minutes=5)), "exp": seconds(NOW)},
         "message.expired"),
        ({"iss": url_of("KOR")}, "message.signature"),
        ({"jti": None}, "message.malformed"),
        ({"typ": "abtc-event+jwt"}, "message.signature"),
    ],
)  # fmt: skip
def test_n2_what_is_wrong_is_named(
    small: Town, changes: dict[str, Any], code: str
) -> None:
    """As docs/web-services.md lists it; what is another type proves nothing here."""
    singapore = small.system("SGP")
    answer = singapore.ask_token(singapore.message(**changes))
    assert refusal(answer) == (401, "invalid_client", code)


def test_w12_a_nul_is_no_fault_of_the_database(town: Town) -> None:
    """Anybody can send one, and nobody is to be woken for it."""
    form = {"grant_type": "client_credentials", "client_id": "a\0b"}
    answer = town.post("/token", data=form)
    assert refusal(answer) == (401, "invalid_client", "message.malformed")
    assert town.get("/A%00B/keys").status_code == 404


def test_n1_another_economys_status_key_proves_nothing(small: Town) -> None:
    singapore = small.system("SGP")
    theirs = singapore.delegation(key="KOR-status")
    answer = singapore.ask_token(singapore.message(by=theirs))
    assert refusal(answer) == (401, "invalid_client", "message.delegation")


def test_n1_tests_are_among_themselves(small: Town) -> None:
    """A test economy's requests never come to a real one's officers, or the reverse."""
    small.mark_as_test("NZL")
    assert refusal(small.system("SGP").ask_token()) == (
        401, "invalid_client", "token.test_economy",
    )  # fmt: skip
    assert small.system("SGP", asks="AUS").ask_token().status_code == 200


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"grant_type": "authorization_code"},
         (400, "unsupported_grant_type", "token.grant_type")),
        ({"client_assertion_type": "x"},
         (400, "invalid_request", "token.assertion_type")),
        ({"client_assertion": "x"}, (401, "invalid_client", "message.malformed")),
        ({"client_assertion": "a.b.c"}, (401, "invalid_client", "message.malformed")),
        ({"client_assertion": "x" * 40_000},
         (401, "invalid_client", "message.malformed")),
        ({"scope": "preclearance submit"}, (400, "invalid_scope", "token.scope")),
        ({"scope": " "}, (400, "invalid_scope", "token.scope")),
    ],
)  # fmt: skip
def test_n6_forms_that_ask_wrongly(
    small: Town, form: dict[str, str], expected: tuple[int, str, str]
) -> None:
    """The errors are those of RFC 6749."""
    singapore = small.system("SGP")
    good = {
        "grant_type": "client_credentials",
        "client_assertion_type": KIND,
        "client_assertion": singapore.message(),
    }
    assert refusal(small.post("/token", data={**good, **form})) == expected


def test_n6_a_form_is_a_form_and_says_things_once(small: Town) -> None:
    assert code_of(small.post("/token", json={})) == (400, "request.invalid")
    twice = small.post(
        "/token",
        data="grant_type=client_credentials&grant_type=client_credentials",
        content_type="application/x-www-form-urlencoded",
    )
    assert refusal(twice) == (400, "invalid_request", "token.repeated")


def test_less_can_be_asked_for_and_offered(prepared_small: Prepared) -> None:
    """A token does what it was asked for; the settings can offer an economy less."""
    town = Town.at(prepared_small, scopes={"KOR": ("statistics",)})
    singapore = town.system("SGP")
    answer = singapore.ask_token(scope="statistics")
    singapore.token = answer.get_json()["access_token"]
    assert singapore.ask("GET", "/statistics").status_code == 200
    assert code_of(singapore.ask("GET", "/answers")) == (403, "token.scope")
    assert town.system("KOR").ask_token().get_json()["scope"] == "statistics"


def test_w6_a_token_is_for_one_economy_and_five_minutes(small: Town) -> None:
    """Elsewhere, later, or made up, it opens nothing."""
    singapore = small.system("SGP").enter()
    assert singapore.ask("GET", "/answers").status_code == 200
    other = singapore.ask("GET", "/answers", at="AUS")
    assert code_of(other) == (403, "token.other_economy")
    nowhere = singapore.ask("GET", "/answers", at="XXX")
    assert code_of(nowhere) == (403, "token.other_economy")
    small.clock.passes(seconds=299)
    assert singapore.ask("GET", "/answers").status_code == 200
    small.clock.passes(seconds=1)
    assert code_of(singapore.ask("GET", "/answers")) == (401, "token.unknown")
    for token in ("", "x", "\u00e9", "x" * 5000):
        singapore.token = token or " "
        answer = singapore.ask("GET", "/answers")
        assert code_of(answer) == (401, "token.unknown")
        assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_c4_every_route_asks_for_its_token_and_scope(small: Town) -> None:
    """Without a token, with one of a client, of another economy or scope: refused."""
    client = Client.added(small, Scope.CARRIERS).enter()
    singapore = small.system("SGP").enter()
    for route in ROUTES:
        path = route.path.replace("<path:name>", "1").replace("<name>", "1")
        none = small.app.test_client().open(
            f"/services/v1/NZL{path}", method=route.method
        )
        assert code_of(none) == (401, "token.unknown"), route.name
        assert singapore.ask(route.method, path, at="AUS").status_code == 403
        answer = client.ask(route.method, path)
        may = route.scope is None and not route.economies_only
        assert (answer.status_code != 403) == may, route.name
        assert answer.status_code < 500


def test_keys_for_sealing_are_given_to_anybody(small: Town) -> None:
    """They are signed; who asks for an economy that is elsewhere learns nothing."""
    answer = small.get("/NZL/keys")
    assert answer.get_json()["delegation"].count(".") == 2
    assert code_of(small.get("/SGP/keys")) == (404, "record.unknown")


def test_too_many_is_told_so(prepared_small: Prepared) -> None:
    """One client's haste is nobody else's wait."""
    town = Town.at(prepared_small, per_client=3)
    singapore, korea = town.system("SGP").enter(), town.system("KOR").enter()
    found = []
    for _ in range(5):
        answer = singapore.ask("GET", "/answers")
        found.append((answer.status_code, answer.headers.get("Retry-After")))
        town.clock.passes(seconds=10)
    assert found == [(200, None)] * 3 + [(429, "30"), (429, "20")]
    assert korea.ask("GET", "/answers").status_code == 200
    town.clock.passes(seconds=9)
    answer = singapore.ask("GET", "/answers")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, "1")
    town.clock.passes(seconds=1)
    assert singapore.ask("GET", "/answers").status_code == 200


def test_d9_without_trust_data_nobody_is_known(small: Town) -> None:
    """That is our fault, and said to be: nothing is refused for good."""
    stamp = small.back.office.installation.folder / "public/metadata/timestamp.json"
    stamp.unlink()
    assert code_of(small.system("SGP").ask_token()) == (503, "trust.missing")


# Clients


class Client(System):
    """A system that is no economy's, with a key of its own."""

    client_id: str = ""

    @classmethod
    def added(cls, town: Town, *scopes: Scope, confirm: bool = True) -> "Client":
        desk = town.back.desk("NZL")
        added = perform(
            desk, "client.add", name="Association", jwk=jwk(KEY),
            scopes=[str(each) for each in scopes], hosts=["hooks.example"],
        )  # fmt: skip
        if confirm:
            other = town.back.desk("NZL", who="bob")
            perform(other, "client.confirm", client=added.client)
        made = cls(town=town, economy="NZL", asks="NZL", key=KEY)
        made.client_id, made.number = added.client_id, added.client
        return made

    number: int = 0

    def message(
        self, typ: str = "JWT", *, by: str | None = None, **changes: Any
    ) -> str:
        now = self.town.clock.now
        self.count = getattr(self, "count", 0) + 1
        claims = {
            "iss": self.client_id, "sub": self.client_id, "aud": url_of("NZL"),
            "iat": seconds(now), "exp": seconds(now + timedelta(minutes=5)),
            "jti": f"c{self.count}", **changes,
        }  # fmt: skip
        return jws({"alg": "ES256", "typ": typ}, claims, self.key)


def test_i3_two_administrators_let_a_client_in(small: Town) -> None:
    """Until the second has confirmed it, and after it was retired, it gets nothing."""
    client = Client.added(small, Scope.SUBMIT, confirm=False)
    desk = small.back.desk("NZL")
    unknown = (401, "invalid_client", "message.signature")
    assert refusal(client.ask_token()) == unknown
    with pytest.raises(Forbidden, match="another person"):
        perform(desk, "client.confirm", client=client.number)
    perform(small.back.desk("NZL", who="bob"), "client.confirm", client=client.number)
    client.enter()
    (view,) = perform(desk, "client.list").clients
    assert (view.waits, view.scopes) == (False, ("submit",))
    assert client.ask("GET", "/webhooks").status_code == 200
    perform(desk, "client.retire", client=client.number)
    assert code_of(client.ask("GET", "/webhooks")) == (401, "token.unknown")
    assert refusal(client.ask_token()) == unknown
    assert perform(desk, "client.list").clients == ()
    for name in ("client.retire", "client.confirm"):
        with pytest.raises(Conflict, match=r"client\.retired"):
            perform(desk, name, client=client.number)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "another"}, "message.malformed"),
        ({"sub": "another", "iss": "another"}, "message.signature"),
        ({"sub": 7}, "message.signature"),
        ({"aud": url_of("AUS")}, "message.misaddressed"),
        ({"aud": [url_of("NZL")]}, "message.malformed"),
        ({"jti": 7}, "message.malformed"),
        ({"jti": "x" * 65}, "message.malformed"),
        ({"iat": True}, "message.malformed"),
        ({"exp": seconds(NOW + timedelta(minutes=6))}, "message.malformed"),
        ({"exp": 2**60}, "message.malformed"),
        ({"iat": seconds(NOW) + 61, "exp": seconds(NOW) + 120}, "message.not_yet"),
        ({"iat": seconds(NOW) - 200, "exp": seconds(NOW)}, "message.expired"),
    ],
)
def test_n2_a_clients_assertion_is_checked_as_an_economys(
    small: Town, changes: dict[str, Any], code: str
) -> None:
    client = Client.added(small, Scope.SUBMIT)
    assert client.ask_token().status_code == 200
    status, error, found = refusal(client.ask_token(client.message(**changes)))
    assert (status, error) == (401, "invalid_client")
    assert found == code


def test_n2_a_client_counts_once_and_with_its_own_key(small: Town) -> None:
    client = Client.added(small, Scope.SUBMIT)
    assertion = client.message()
    assert client.ask_token(assertion).status_code == 200
    assert refusal(client.ask_token(assertion))[2] == "message.replayed"
    client.key = fixed_key("somebody")
    assert refusal(client.ask_token())[2] == "message.signature"
    client.key = KEY
    header = {"alg": "none", "typ": "JWT"}
    unsigned = jws(header, {"sub": client.client_id}, KEY)
    assert refusal(client.ask_token(unsigned))[2] == "message.signature"
    assert refusal(client.ask_token(client.message("abtc-event+jwt")))[2] == (
        "message.signature"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"scopes": ["preclearance"]},
        {"scopes": []},
        {"jwk": {"kty": "RSA"}},
        {"jwk": {**jwk(KEY), "d": "x"}},
        {"certificate": "x"},
        {"hosts": ["https://hooks.example"]},
        {"hosts": ["a b"]},
    ],
)
def test_c5_a_client_that_cannot_be(small: Town, given: dict[str, Any]) -> None:
    """Pre-clearance is between economies; a private key is nobody's to send."""
    good = {"name": "X", "scopes": ["track"], "jwk": jwk(KEY)}
    with pytest.raises(Invalid):
        perform(small.back.desk("NZL"), "client.add", **{**good, **given})


def test_a_client_proves_itself_somehow(small: Town) -> None:
    with pytest.raises(Conflict, match=r"client\.proof"):
        perform(small.back.desk("NZL"), "client.add", name="X", scopes=["track"])


# Certificates, behind a proxy of ours


THUMBPRINT = "ab" * 32


def by_certificate(town: Town) -> tuple[str, Any]:
    desk = town.back.desk("NZL")
    added = perform(
        desk, "client.add", name="Carrier", scopes=["carriers"], certificate=THUMBPRINT
    )
    perform(town.back.desk("NZL", who="bob"), "client.confirm", client=added.client)
    form = {"grant_type": "client_credentials", "client_id": added.client_id}
    return added.client_id, form


def test_w10_a_certificate_counts_where_a_proxy_of_ours_has_checked_it(
    prepared_small: Prepared,
) -> None:
    """From anybody else the header is nothing; the token is bound to it (RFC 8705)."""
    town = Town.at(
        prepared_small,
        certificate_header="X-Client-Cert-SHA256",
        certificate_hops=("127.0.0.1",),
    )
    _, form = by_certificate(town)
    shown = {"X-Client-Cert-SHA256": THUMBPRINT}
    elsewhere = town.post(
        "/token", data=form, headers=shown, environ_base={"REMOTE_ADDR": "192.0.2.7"}
    )
    assert refusal(elsewhere) == (401, "invalid_client", "token.unknown_client")
    assert refusal(town.post("/token", data=form))[2] == "token.unknown_client"
    other = {"X-Client-Cert-SHA256": "cd" * 32}
    assert refusal(town.post("/token", data=form, headers=other))[2] == (
        "token.unknown_client"
    )
    token = town.post("/token", data=form, headers=shown).get_json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    good = town.get("/NZL/webhooks", headers={**bearer, **shown})
    assert good.status_code == 200
    for headers in (bearer, {**bearer, **other}):
        answer = town.get("/NZL/webhooks", headers=headers)
        assert code_of(answer) == (401, "token.unknown")


def test_w10_without_the_setting_no_header_counts(small: Town) -> None:
    _, form = by_certificate(small)
    shown = {"X-Client-Cert-SHA256": THUMBPRINT}
    answer = small.post("/token", data=form, headers=shown)
    assert refusal(answer)[2] == "token.unknown_client"


# What partners can do


def test_a_partner_hands_in_and_follows_its_own_alone(town: Town) -> None:
    client = Client.added(town, Scope.SUBMIT, Scope.TRACK).enter()
    given = {"person": PERSON, "passport": PASSPORT}
    headers = {"Idempotency-Key": "one"}
    taken = client.ask("POST", "/applications", given, headers=headers).get_json()
    assert taken["state"] == "draft"
    again = client.ask("POST", "/applications", given, headers=headers).get_json()
    assert again == taken
    shown = client.ask("GET", f"/applications/{taken['number']}").get_json()
    assert (shown["number"], shown["answers"]) == (taken["number"], [])
    other = Client.added(town, Scope.TRACK)
    other.key, other.token = KEY, None
    answer = other.ask("GET", f"/applications/{taken['number']}")
    assert code_of(answer) == (404, "record.unknown")
    assert code_of(client.ask("GET", "/applications/nothing")) == (
        404, "record.unknown",
    )  # fmt: skip


_STRANGER: Final = {
    "person": {**PERSON, "family_name": "Quay", "given_name": "Lily"},
    "passport": {**PASSPORT, "number": "L1112223"},
}
_ALIKE: Final = (
    {"person": {**PERSON, "given_name": "Anna"}, "passport": PASSPORT},
    {"person": PERSON, "passport": {**PASSPORT, "number": "L7654321"}},
    {"person": PERSON, "passport": PASSPORT},
)


def shape(found: Any, now: datetime) -> Any:
    """An answer without the number, which is drawn, and the moment, if it is now."""
    assert is_application_number(found["number"], "NZL")
    moments = {name: found[name] == now.isoformat().replace("+00:00", "Z")
               for name in ("entered_at", "changed_at") if name in found}  # fmt: skip
    return {**found, "number": "", **moments}


def document(kind: str, content: bytes) -> dict[str, str]:
    return {"kind": kind, "name": f"{kind}.jpg", "content": b64encode(content).decode()}


def test_a_partner_brings_documents_and_what_is_whole_is_submitted(
    town: Town,
) -> None:
    face = faces.jpeg(faces.face())
    client = Client.added(town, Scope.SUBMIT).enter()
    given = {"person": PERSON, "passport": PASSPORT}
    taken = client.ask(
        "POST", "/applications",
        given | {"documents": [document("portrait", face), document("other", face)]},
    ).get_json()  # fmt: skip
    assert (taken["state"], taken["missing"]) == ("submitted", [])
    query = select(Document.kind).order_by(Document.id)
    kinds = town.flow.read(lambda session: session.scalars(query).all())
    assert kinds == ["portrait", "other"]


def test_a_partner_is_told_what_is_missing(small: Town) -> None:
    fact = '{ kind = "police_certificate", text = "A.", required = true, %s }'
    small.flow.configure("NZL", f"asked_documents = [{fact}]")
    client = Client.added(small, Scope.SUBMIT).enter()
    given = {"person": PERSON, "passport": PASSPORT,
             "documents": [document("portrait", faces.jpeg(faces.face()))]}  # fmt: skip
    taken = client.ask("POST", "/applications", given).get_json()
    assert (taken["state"], taken["missing"]) == ("draft", ["police_certificate"])


@pytest.mark.parametrize(
    "content", [b"<html><script>", b"%PDF-1.4 but no more", b"\x89PNG\r\n\x1a\n" * 9]
)
def test_r4_a_partners_hostile_file_is_refused_and_nothing_is_kept(
    small: Town, content: bytes
) -> None:
    client = Client.added(small, Scope.SUBMIT).enter()
    face = document("portrait", faces.jpeg(faces.face()))
    given = {"person": PERSON, "passport": PASSPORT,
             "documents": [face, document("other", content)]}  # fmt: skip
    answer = client.ask("POST", "/applications", given)
    problem = answer.get_json()["problems"][0]
    assert (answer.status_code, problem["field"]) == (400, "documents.1.content")
    query = select(Application)
    assert small.flow.read(lambda session: session.scalars(query).all()) == []


def test_r4_what_a_partner_sends_is_bounded(small: Town) -> None:
    client = Client.added(small, Scope.SUBMIT).enter()
    given: dict[str, Any] = {"person": PERSON, "passport": PASSPORT}
    many = given | {"documents": [document("other", b"x")] * 9}
    assert client.ask("POST", "/applications", many).status_code == 400
    large = given | {"documents": [document("other", b"x" * (9 * 2**20 + 2**19))]}
    assert client.ask("POST", "/applications", large).status_code == 413


@pytest.mark.parametrize("state", ["draft", "submitted"])
def test_i6_a_partner_does_not_learn_who_is_on_file(small: Town, state: str) -> None:
    """Neither by the answer nor by what it can ask later, nor by a bell."""
    client = Client.added(small, Scope.SUBMIT, Scope.TRACK)
    client.enter()
    given = {"person": PERSON, "passport": PASSPORT}
    assert client.ask("POST", "/applications", given).status_code == 200
    face = document("portrait", faces.jpeg(faces.face()))
    files = {"documents": [face]} if state == "submitted" else {}
    seen = []
    for each in (_STRANGER, *_ALIKE):
        small.clock.passes(seconds=1)
        now = small.clock.now
        answer = client.ask("POST", "/applications", each | files)
        assert answer.status_code == 200
        taken = answer.get_json()
        shown = client.ask("GET", f"/applications/{taken['number']}")
        held = shown.get_json()
        rings = newest(small, f"client:{client.client_id}") == now.timestamp()
        headers = sorted(answer.headers.keys())
        seen.append((shape(taken, now), shape(held, now), headers, rings))
    assert seen == [seen[0]] * 4
    assert seen[0][3]
    assert (seen[0][0]["state"], seen[0][1]["state"]) == (state, state)
    assert len(held_by(small)) == len(_ALIKE)
    wrong = client.ask(
        "POST", "/applications", {"person": {**PERSON, "sex": "?"},
                                  "passport": PASSPORT},
    )  # fmt: skip
    assert wrong.get_json()["problems"][0]["field"] == "person.sex"


def test_i6_the_time_of_an_answer_tells_nothing_either(
    small: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both kinds are given after whole twentieths of a second."""
    client = Client.added(small, Scope.SUBMIT)
    client.enter()
    took, clock = iter([0.009, 0.006]), [0.0]

    def work(*_: Any) -> exchange.ApplicationTaken:
        clock[0] += next(took)
        return exchange.ApplicationTaken(
            number="", state=APPLICATION.start, missing=(), notices=()
        )

    class Time:
        @staticmethod
        def monotonic() -> float:
            return clock[0]

        @staticmethod
        def sleep(seconds: float) -> None:
            clock[0] += seconds

    monkeypatch.setattr(views, "time", Time)
    monkeypatch.setattr(exchange, "submit", work)
    answered = []
    for each in _ALIKE[:2]:
        assert client.ask("POST", "/applications", each).status_code == 200
        answered.append(round(clock[0], 6))
    assert answered == [0.05, 0.1]


def held_by(town: Town) -> Any:
    return perform(town.back.desk("NZL"), "submission.held").waiting


def newest(town: Town, client: str) -> float:
    """What a bell of this client would say: a moment."""
    hook = Webhook(economy="NZL", client=client, event="applications")
    return town.back.store.read(lambda session: hooks._newest(session, hook)) / 1e6


def test_i6_what_is_held_becomes_the_application_of_its_number(small: Town) -> None:
    """An officer says who it is; its partner follows it as every other."""
    client = Client.added(small, Scope.SUBMIT, Scope.TRACK).enter()
    client.ask("POST", "/applications", {"person": PERSON, "passport": PASSPORT})
    face = {"documents": [document("portrait", faces.jpeg(faces.face()))]}
    numbers = [
        client.ask("POST", "/applications", each | face).get_json()["number"]
        for each in _ALIKE[1:]
    ]
    desk = small.back.desk("NZL")
    first, second = held_by(small)
    assert [first.number, second.number] == numbers
    case = perform(desk, "submission.look", submission=first.submission)
    (alike,) = case.alike
    with refused("application.duplicate"):
        perform(desk, "submission.take", submission=first.submission)
    taken = perform(
        desk, "submission.take", submission=first.submission,
        confirm_duplicate_of=[alike.person],
    )  # fmt: skip
    assert taken.number == numbers[0]
    query = select(Document.kind).where(Document.application_id == taken.application)
    kinds = small.flow.read(lambda session: session.scalars(query).all())
    assert kinds == ["portrait"]
    before = client.ask("GET", f"/applications/{numbers[0]}").get_json()
    assert (before["state"], before["number"]) == ("submitted", numbers[0])
    perform(desk, "submission.dismiss", submission=second.submission)
    gone = client.ask("GET", f"/applications/{numbers[1]}").get_json()
    assert gone["state"] == "applicant_withdrawn"
    assert held_by(small) == ()
    rows = small.back.store.read(
        lambda session: session.scalars(select(HeldSubmission)).all()
    )
    assert {row.given for row in rows} == {"{}"}
    with pytest.raises(NotFound):
        perform(desk, "submission.take", submission=second.submission)
    other = Client.added(small, Scope.TRACK)
    other.key, other.token = KEY, None
    for number in numbers:
        answer = other.ask("GET", f"/applications/{number}")
        assert code_of(answer) == (404, "record.unknown")


def test_figures_are_of_who_asks(town: Town) -> None:
    singapore, korea = town.system("SGP"), town.system("KOR")
    singapore.ask("POST", "/preclearance-requests", singapore.request())
    assert singapore.ask("GET", "/statistics").get_json()["open"] == 1
    assert korea.ask("GET", "/statistics").get_json()["open"] == 0
    town.flow.decide(town.lane("SGP-1").id, "approve", economy="NZL")
    found = singapore.ask("GET", "/statistics").get_json()
    assert (found["open"], found["answered"], found["median_days"]) == (0, 1, 0)
