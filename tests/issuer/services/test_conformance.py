"""The conformance test: our own system passes it, and broken ones are noticed."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from issuer import cli
from issuer.commands import opening, services
from issuer.services.conformance import Checked, check_all, check_names
from issuer.services.identity import ServiceIdentity
from issuer.services.trust import trust_of
from tests.databases import Prepared
from tests.issuer.services.town import Town, url_of
from tests.simulator import NOW, fixed_key

pytestmark = pytest.mark.enable_socket
App = Callable[[dict[str, Any], Any], Iterable[bytes]]
Change = Callable[[Request, Response], Response | None]


@contextmanager
def served(app: App) -> Iterator[str]:
    """A system on real loopback HTTP."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def broken(app: App, change: Change) -> App:
    """The same system, with one thing that it does otherwise."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        answer = Response.from_app(app, environ)
        answer.get_data()
        changed = change(request, answer) or answer
        return changed(environ, start_response)

    return wrapped


def identity_of(town: Town, economy: str = "SGP") -> ServiceIdentity:
    return ServiceIdentity(
        economy=economy,
        issuer_url=url_of(economy),
        delegation=town.system(economy).delegation(),
        key_id="s1",
        issued_at=NOW,
        expires_at=NOW + timedelta(days=7),
        _key=fixed_key("service"),
        _opening={},
    )


def checked(town: Town, url: str) -> dict[str, Checked]:
    found = check_all(
        url,
        "NZL",
        identity=identity_of(town),
        trust=trust_of(town.back.office.installation),
        now=NOW,
    )
    assert tuple(each.name for each in found) == check_names()
    return {each.name: each for each in found}


@pytest.fixture
def ready(prepared_small: Prepared) -> Town:
    """A destination that has answered once, so that there is something to verify."""
    town = Town.at(prepared_small)
    singapore = town.system("SGP")
    singapore.ask("POST", "/preclearance-requests", singapore.request())
    town.flow.decide(town.lane("SGP-1").id, "approve", economy="NZL")
    return town


def test_our_own_system_does_what_its_page_says(ready: Town) -> None:
    with served(ready.app) as url:
        found = checked(ready, url)
    assert [each for each in found.values() if not each.passed] == []


def takes_everything(request: Request, answer: Response) -> Response | None:
    if answer.status_code < 400:
        return None
    return Response("{}", status=200, mimetype="application/json")


def falls_over(request: Request, answer: Response) -> Response | None:
    if answer.status_code != 400:
        return None
    return Response("<h1>Internal Server Error</h1>", status=500)


def sets_cookies(request: Request, answer: Response) -> None:
    answer.set_cookie("session", "x")


def signs_nothing(request: Request, answer: Response) -> None:
    if request.path.endswith("/answers") and answer.status_code == 200:
        body = json.loads(answer.get_data())
        for each in body["answers"]:
            each["statement"] = each["statement"][:-4] + "AAAA"
        answer.set_data(json.dumps(body))


def hides_a_row(request: Request, answer: Response) -> None:
    if request.path.endswith("/bulk"):
        answer.set_data(b"\n".join(answer.get_data().splitlines()[:-1]))


def repeats_a_page(request: Request, answer: Response) -> None:
    if request.method == "GET" and request.path.endswith("/preclearance-requests"):
        body = json.loads(answer.get_data())
        body["requests"] *= 2
        answer.set_data(json.dumps(body))


def has_others_keys(request: Request, answer: Response) -> None:
    if request.path.endswith("/keys"):
        answer.set_data(json.dumps({"delegation": "a.b.c"}))


def caches(request: Request, answer: Response) -> None:
    answer.headers["Cache-Control"] = "public, max-age=60"


def applies_anything(request: Request, answer: Response) -> None:
    if "/cards/" in request.path and answer.status_code == 200:
        answer.set_data(
            answer.get_data().replace(b'"applied":false', b'"applied":true')
        )


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        (takes_everything, {
            "token.replayed", "token.misaddressed", "token.expired", "token.ahead",
            "token.type", "token.signature", "token.delegation", "token.needed",
            "token.economy", "request.key", "request.own", "request.fields",
            "request.strict", "request.size", "card.unknown", "answers.cursor",
            "statement.refused", "webhook.registered", "nothing.there",
        }),
        (falls_over, {"request.fields", "request.strict", "answers.cursor",
                      "webhook.registered"}),
        (sets_cookies, {"request.taken"}),
        (signs_nothing, {"answers.signed"}),
        (hides_a_row, {"bulk.rows"}),
        (repeats_a_page, {"request.list"}),
        (has_others_keys, {"keys.delegation"}),
        (caches, {"token.given", "request.taken"}),
        (applies_anything, {"card.revision"}),
    ],
)  # fmt: skip
def test_n8_a_system_that_does_otherwise_is_noticed(
    ready: Town, change: Change, noticed: set[str]
) -> None:
    """By the checks that are about it, and by no other."""
    with served(broken(ready.app, change)) as url:
        found = checked(ready, url)
    assert {each.name for each in found.values() if not each.passed} == noticed
    assert all(found[name].detail for name in noticed)


def test_n8_a_system_that_forgets_what_was_used_is_noticed(ready: Town) -> None:
    """One that takes an assertion again, and one that is not there at all."""
    from sqlalchemy import delete  # noqa: PLC0415

    from issuer.store import UsedOnce  # noqa: PLC0415

    def forgets(request: Request, answer: Response) -> None:
        store = ready.back.store
        store.write(lambda session: session.execute(delete(UsedOnce)), now=NOW)

    with served(broken(ready.app, forgets)) as url:
        found = checked(ready, url)
        gone = url
    assert {each.name for each in found.values() if not each.passed} == {
        "token.replayed"
    }
    nobody = checked(ready, gone)
    assert not any(each.passed for each in nobody.values())


@pytest.mark.parametrize(
    "url",
    [
        "http://abtc.example",
        "https://abtc.example/path",
        "ftp://localhost",
        "localhost",
    ],
)
def test_an_address_that_cannot_be(ready: Town, url: str) -> None:
    """Nothing is sent in the clear to another machine."""
    with pytest.raises(ValueError, match="address"):
        checked(ready, url)


def test_by_command(
    prepared_small: Prepared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A line for each check; exit status 1 where one does not pass."""
    town = Town.at(prepared_small)
    folder = town.back.office.installation.folder
    url = town.back.store.engine.url.render_as_string(hide_password=False)
    (folder / "office.toml").write_text(f'database = "{url}"\n')

    def at_noon() -> datetime:
        return NOW

    monkeypatch.setattr(services, "now", at_noon)
    monkeypatch.setattr(opening, "now", at_noon)
    with served(town.app) as place:
        arguments = ["services", "conformance", "--url", place, "--economy", "NZL",
                     "--as", "AUS", "--home", str(folder)]  # fmt: skip
        # AUS is hosted beside NZL: such requests are not taken, and that is noticed.
        assert cli.main(arguments) == cli.FAILED
        lines = capsys.readouterr().out.splitlines()
        assert "ok   token.given" in lines
        assert "FAIL request.taken: answer 409 instead of 200" in lines
        assert lines[-1].endswith(f"of {len(check_names())} checks passed")
        assert cli.main([*arguments, "--json"]) == cli.FAILED
        body = json.loads(capsys.readouterr().out)
    assert body["failed"] == sum(not each["passed"] for each in body["checks"]) > 0
