"""Bells that ring: signed, again after a failure, given up at last, to nobody else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import verifier
from issuer.services import hooks
from issuer.services.hooks import ATTEMPTS, Delivered, Ringer, deliver
from issuer.services.trust import trust_of
from tests import hostile_server
from tests.databases import Prepared
from tests.issuer.office.flow import perform
from tests.issuer.services.town import System, Town, code_of, url_of
from tests.simulator import NOW

HOOK = "https://hooks.example/abtc"
SETTINGS: dict[str, Any] = {"partners": {"SGP": "https://hooks.example"}}


class Ear(ThreadingHTTPServer):
    """Hears, and answers as it is told."""

    status = 204
    heard: list[tuple[dict[str, str], str]]
    paths: list[str]
    before: Callable[[str], bool] = staticmethod(lambda _: True)
    """Is asked before an answer; False makes it a failure."""


class _Handler(BaseHTTPRequestHandler):
    server: Ear

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.heard.append((dict(self.headers), self.rfile.read(length).decode()))
        self.server.paths.append(self.path)
        is_well = self.server.before(self.path)
        self.send_response(self.server.status if is_well else 500)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/x")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def listening() -> Iterator[Ear]:
    ear = Ear(("127.0.0.1", 0), _Handler)
    ear.heard, ear.paths = [], []
    thread = threading.Thread(target=ear.serve_forever, daemon=True)
    thread.start()
    try:
        yield ear
    finally:
        ear.shutdown()
        ear.server_close()
        thread.join()


def make(system: System, url: str = HOOK, event: str = "answers") -> Any:
    return system.ask("POST", "/webhooks", {"url": url, "event": event})


def answered(system: System, number: int = 1) -> None:
    system.ask("POST", "/preclearance-requests", system.request(number))
    lane = system.town.lane(f"SGP-{number}").id
    system.town.flow.decide(lane, "approve", economy="NZL")


@pytest.mark.enable_socket
def test_a_bell_is_signed_and_rings_once(prepared_small: Prepared) -> None:
    """It says that there is something, for whom, and nothing of what it is."""
    with listening() as ear:
        town = Town.at(
            prepared_small,
            partners={"SGP": "http://127.0.0.1"},
            private_hosts=("127.0.0.1",),
        )
        singapore = town.system("SGP")
        url = f"http://127.0.0.1:{ear.server_port}/abtc?x=1"
        made = make(singapore, url).get_json()
        assert make(singapore, url).get_json()["webhook"] == made["webhook"]
        office = town.back.office
        assert deliver(office, now=NOW) == Delivered(told=0, failed=0, dead=0)
        answered(singapore)
        assert deliver(office, now=NOW) == Delivered(told=1, failed=0, dead=0)
        assert deliver(office, now=NOW) == Delivered(told=0, failed=0, dead=0)
        ((headers, message),) = ear.heard
    assert headers["Content-Type"] == "application/jwt"
    said = verifier.read_service_message(
        message,
        typ="abtc-event+jwt",
        audience=url_of("SGP"),
        trust=trust_of(office.installation),
        now=NOW,
    )
    assert (said.economy, said.claims["event"]) == ("NZL", "answers")
    newest = singapore.ask("GET", "/answers").get_json()["cursor"]
    assert said.claims["newest"] == newest.partition(".")[0]


@pytest.mark.enable_socket
@pytest.mark.parametrize("status", [302, 400, 500])
def test_what_fails_rings_again_later_and_is_given_up(
    prepared_small: Prepared, status: int
) -> None:
    """Nobody is followed elsewhere; an administrator sees what was given up."""
    with listening() as ear:
        ear.status = status
        town = Town.at(
            prepared_small,
            partners={"SGP": "http://127.0.0.1"},
            private_hosts=("127.0.0.1",),
        )
        singapore, office = town.system("SGP"), town.back.office
        hook = make(singapore, f"http://127.0.0.1:{ear.server_port}/").get_json()
        answered(singapore)
        at, gaps, desk = NOW, [], town.back.desk("NZL")
        view = perform(desk, "webhook.list").webhooks[0]
        for _ in range(ATTEMPTS):
            assert deliver(office, now=at).failed == 1
            assert deliver(office, now=at).failed == 0
            (view,) = perform(desk, "webhook.list").webhooks
            gaps.append(view.due_at - at)
            at = view.due_at
        assert len(ear.heard) == ATTEMPTS
        assert gaps == sorted(gaps)
        assert gaps[0] == timedelta(seconds=10)
        assert view.problem == f"answer {status}"
        assert view.dead_at is not None
        assert deliver(office, now=at + timedelta(hours=5)).failed == 0
        assert perform(desk, "webhook.list", dead=True).webhooks == (view,)
        ear.status = 200
        perform(desk, "webhook.revive", webhook=hook["webhook"])
        assert deliver(office, now=at).told == 1


def two_partners(prepared: Prepared) -> Town:
    """SGP, which has three bells here, and KOR, which has two; all are due."""
    town = Town.at(
        prepared,
        partners={"SGP": "http://127.0.0.1", "KOR": "http://127.0.0.1"},
        private_hosts=("127.0.0.1",),
    )
    for number, code in enumerate(("SGP", "KOR"), start=1):
        system = town.system(code)
        system.ask("POST", "/preclearance-requests", system.request(number))
        town.flow.decide(town.lane(f"{code}-{number}").id, "approve", economy="NZL")
    return town


@pytest.mark.enable_socket
def test_n13_one_partner_that_is_slow_keeps_no_other_waiting(
    prepared_small: Prepared,
) -> None:
    """Nobody else's bell waits for its answer; its own ring one after the other."""
    town = two_partners(prepared_small)
    rung, inside, most = threading.Event(), [0], [0]

    def before(path: str) -> bool:
        if path.startswith("/KOR"):
            rung.set()
            return True
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        is_well = rung.wait(5)  # first in line, and done when the other was heard
        inside[0] -= 1
        return is_well

    with listening() as ear:
        ear.before = before
        for code, count in (("SGP", 3), ("KOR", 2)):
            for number in range(count):
                url = f"http://127.0.0.1:{ear.server_port}/{code}/{number}"
                make(town.system(code), url)
        assert deliver(town.back.office, now=NOW) == Delivered(told=5, failed=0, dead=0)
        assert most == [1]
        for code in ("SGP", "KOR"):
            mine = [each for each in ear.paths if code in each]
            assert mine == sorted(mine)


@pytest.mark.enable_socket
def test_n13_what_was_stopped_is_due_still(prepared_small: Prepared) -> None:
    """A bell counts as rung when that was kept, and not before."""
    town = two_partners(prepared_small)
    with listening() as ear:
        for number in range(3):
            url = f"http://127.0.0.1:{ear.server_port}/SGP/{number}"
            make(town.system("SGP"), url)
        ringer = Ringer(office=town.back.office, clock=lambda: NOW)
        ringer.begin()
        ringer.begin()  # what is under way is not begun again
        ringer.close()
        kept = ringer.taken()
        assert len(ear.heard) == kept.told <= 1
        rest = deliver(town.back.office, now=NOW)
        assert (rest.told, rest.failed) == (3 - kept.told, 0)
        assert sorted(ear.paths) == ["/SGP/0", "/SGP/1", "/SGP/2"]


@pytest.mark.enable_socket
def test_n13_an_answer_that_drips_is_a_failure(
    prepared_small: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte of its headers in time is not in time."""
    monkeypatch.setattr(hooks, "_LONGEST", 0.3)
    town = two_partners(prepared_small)
    with hostile_server.hostile(hostile_server.dripping_headers()) as port:
        make(town.system("SGP"), f"http://127.0.0.1:{port}/")
        assert deliver(town.back.office, now=NOW).failed == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "https://other.example/",
        "https://hooks.example.evil.example/",
        "https://hooks.example@evil.example/",
        "https://user:secret@hooks.example/",
        "https://hooks.example:22/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest",
        "https://hooks.example/#x",
        "https://hooks.example/a b",
        "file:///etc/passwd",
        "ftp://hooks.example/",
        "//hooks.example/",
        "https://hooks.example:99999/",
        "",
    ],
)
def test_n7_only_a_registered_host_is_told(prepared_small: Prepared, url: str) -> None:
    """Whoever asks cannot have us knock on doors of others, or of our own house."""
    town = Town.at(prepared_small, **SETTINGS)
    assert code_of(make(town.system("SGP"), url)) == (400, "request.invalid")
    assert code_of(make(town.system("KOR"))) == (400, "request.invalid")
    assert make(town.system("SGP")).status_code == 200


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "169.254.169.254", "::1", "fe80::1%eth0",
     "::ffff:127.0.0.1", "64:ff9b::10.0.0.1"],
)  # fmt: skip
def test_n7_a_name_that_leads_to_a_private_address_is_not_asked(
    prepared_small: Prepared, address: str
) -> None:
    """Also if one of several addresses is public: nobody knows which is taken."""
    town = Town.at(prepared_small, **SETTINGS)
    singapore = town.system("SGP")
    make(singapore)
    answered(singapore)
    found = deliver(
        town.back.office, now=NOW, lookup=lambda _, __: ["8.8.8.8", address]
    )
    assert found == Delivered(told=0, failed=1, dead=0)
    (view,) = singapore.ask("GET", "/webhooks").get_json()["webhooks"]
    assert view["problem"] == "address"


def test_n7_a_host_that_is_registered_no_more_is_not_told(
    prepared_small: Prepared,
) -> None:
    """What was allowed when it was made is looked at again when it rings."""
    town = Town.at(prepared_small, **SETTINGS)
    singapore, office = town.system("SGP"), town.back.office
    make(singapore)
    answered(singapore)
    services = office.installation.services.model_copy(update={"partners": {}})
    office.installation = office.installation.model_copy(update={"services": services})
    assert deliver(office, now=NOW, lookup=lambda _, __: ["8.8.8.8"]).failed == 1


def test_nobody_there_is_a_failure_like_others(prepared_small: Prepared) -> None:
    town = Town.at(prepared_small, **SETTINGS)
    singapore = town.system("SGP")
    make(singapore)
    answered(singapore)

    def nowhere(host: str, port: int) -> list[str]:
        raise OSError(host, port)

    assert deliver(town.back.office, now=NOW, lookup=nowhere).failed == 1


def test_own_webhooks_are_listed_and_ended(prepared_small: Prepared) -> None:
    """Nobody sees or ends another's; ten are enough."""
    town = Town.at(
        prepared_small,
        partners={"SGP": "https://hooks.example", "KOR": "https://hooks.example"},
    )
    singapore, korea = town.system("SGP"), town.system("KOR")
    made = [make(singapore, f"{HOOK}/{n}").get_json()["webhook"] for n in range(10)]
    assert code_of(make(singapore, f"{HOOK}/more")) == (409, "webhook.too_many")
    assert code_of(make(singapore, event="applications")) == (409, "webhook.event")
    assert korea.ask("GET", "/webhooks").get_json()["webhooks"] == []
    assert code_of(korea.ask("DELETE", f"/webhooks/{made[0]}")) == (
        404, "record.unknown",
    )  # fmt: skip
    left = singapore.ask("DELETE", f"/webhooks/{made[0]}").get_json()["webhooks"]
    assert [each["webhook"] for each in left] == made[1:]
