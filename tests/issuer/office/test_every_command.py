"""Every command of ``abtc-issuer``: its help, its refusals, and its work with --json.

The story at the end does the whole of an office by command line only.  A command that
it leaves out makes it fail.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import click
import pytest
from PIL import Image, ImageDraw
from sqlalchemy.orm import Session

import verifier
from issuer import cli, sessions
from issuer.cli import OK, USAGE, main
from issuer.commands import opening
from issuer.documents import policy_document
from issuer.installation import Installation
from issuer.operations import all_operations
from issuer.scheme import Scheme
from issuer.store import (
    Applicant,
    CounterPhone,
    HeldSubmission,
    HolderRequest,
    Mail,
    OnlineApplication,
    OnlinePayment,
    Role,
    Store,
)
from tests.issuer.office.card_builder import phone
from tests.simulator import NOW, World

PASSPHRASE = "wide blue yonder"  # noqa: S105
NEVER_ENDS = {"serve", "passport-broker serve"}
"""Tried in tests/issuer/test_serving.py, and in tests/issuer/passports."""
ELSEWHERE = {"services conformance", "webhook revive"}
"""They need the systems of others: tried in tests/issuer/services."""


def leaves(
    command: click.Command = cli._cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from leaves(each, (*path, name))
    else:
        yield path, command


COMMANDS = {" ".join(path): command for path, command in leaves()}
OPERATIONS = {
    name.replace(".", " ").replace("_", "-"): operation
    for name, operation in all_operations().items()
}
every_command = pytest.mark.parametrize("name", sorted(COMMANDS))


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell in which nothing is set."""
    for name in ("ABTC_HOME", "ABTC_API_KEY", "ABTC_KEY_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Be refused for wrong usage, in one line that is all there is."""
    assert main(arguments) == USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("abtc-issuer: ")
    assert len(err.splitlines()) == 1, err
    return err


def test_every_group_says_what_it_is_for() -> None:
    def groups(command: click.Command, path: str) -> Iterator[tuple[str, click.Group]]:
        if isinstance(command, click.Group):
            yield path, command
            for name, each in command.commands.items():
                yield from groups(each, f"{path} {name}")

    silent = [path for path, each in groups(cli._cli, "abtc-issuer") if not each.help]
    assert silent == []


@every_command
def test_help_says_what_it_does_and_what_each_option_is(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*name.split(), "--help"]) == OK
    text, command = capsys.readouterr().out, COMMANDS[name]
    assert command.help
    assert command.help.split()[0] in text
    for each in command.params:
        if isinstance(each, click.Option):
            said = (each.help or "").replace("[required]", "").strip()
            assert said, f"{name} {each.opts[0]} says nothing of itself"


@every_command
def test_every_answer_can_be_had_as_json(name: str) -> None:
    options = {each for param in COMMANDS[name].params for each in param.opts}
    assert "--json" in options or name in NEVER_ENDS


@pytest.mark.usefixtures("bare")
@every_command
def test_an_unknown_option_is_named(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--no-such-thing" in refused(capsys, *name.split(), "--no-such-thing")


@pytest.mark.usefixtures("bare")
@every_command
def test_what_is_missing_is_named(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = refused(capsys, *name.split())
    assert re.search(r"'--?[a-z-]+'|--[a-z]+|argument '\S", text), text


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_missing_field_is_named_by_its_option(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    needed = {
        "--" + each.replace("_", "-")
        for each, info in OPERATIONS[name].request.model_fields.items()
        if info.is_required()
    }
    text = refused(capsys, *name.split(), "--reason", "x")
    assert needed <= set(re.findall(r"--[a-z-]+", text))


@pytest.mark.usefixtures("bare")
@every_command
def test_a_wrong_value_is_named_by_its_option(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for each in COMMANDS[name].params:
        is_number = isinstance(each.type, click.IntRange) or each.type == click.INT
        is_number |= getattr(each, "metavar", None) == "NUMBER"
        if not isinstance(each, click.Option) or not (
            is_number or isinstance(each.type, click.Choice)
        ):
            continue
        wrong = (each.opts[0], "no such value", "--reason", "x")
        known = {one for param in COMMANDS[name].params for one in param.opts}
        given = wrong if "--reason" in known else wrong[:2]
        needed = [
            one.opts[0]
            for one in COMMANDS[name].params
            if one.required and one.opts[0] not in given
        ]
        if not needed:
            assert each.opts[0] in refused(capsys, *name.split(), *given)


@pytest.mark.usefixtures("bare")
def test_a_program_gets_its_refusals_as_json_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["card", "show", "--reason", "x", "--json"]) == USAGE
    assert json.loads(capsys.readouterr().out) == {
        "error": "--card is missing",
        "code": "usage",
    }
    assert main(["database", "check", "--home", str(tmp_path / "no"), "--json"]) == 1
    assert set(json.loads(capsys.readouterr().out)) == {"error", "code"}


# The story


@dataclass(slots=True)
class Shell:
    """A shell in which everybody of an office types in turn."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    now: datetime = NOW
    done: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
                return self.now.astimezone(tz)

        for name in ("ABTC_KEY_PASSPHRASE", "ABTC_PUBLISH_PASSPHRASE"):
            self.monkeypatch.setenv(name, PASSPHRASE)
        self.monkeypatch.setenv("ABTC_HOME", str(self.home))
        self.monkeypatch.setattr(opening, "datetime", Clock)
        self.monkeypatch.setattr(cli, "_now", lambda: self.now)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def do(self, name: str, /, *arguments: object, **options: object) -> Any:
        """Type a command with --json; it must do well, and print one object."""
        return self._run(OK, name, arguments, options)

    def refused(self, name: str, /, *arguments: object, **options: object) -> Any:
        """Type a command that is refused, with one object that says why."""
        return self._run(cli.FAILED, name, arguments, options)["code"]

    def asks(self, who: str, name: str, /, **options: object) -> Any:
        """Let somebody type a command of the office, with their own key."""
        return self.do(name, **self._by(who), **options)

    def asks_in_vain(self, who: str, name: str, /, **options: object) -> Any:
        return self.refused(name, **self._by(who), **options)

    def _by(self, who: str) -> dict[str, str]:
        self.monkeypatch.setenv("ABTC_API_KEY", self.keys[who])
        return {"reason": "a story"}

    def _run(
        self, expected: int, name: str, arguments: Sequence[object], options: Any
    ) -> Any:
        self.now += timedelta(seconds=1)
        typed = [*name.split(), *map(str, arguments)]
        for key, value in options.items():
            option = "--" + key.replace("_", "-")
            many = value if isinstance(value, list) else [value]
            for each in many:
                typed += [option] if each is True else [option, str(each)]
        status = main([*typed, "--json"])
        out, err = self.capsys.readouterr()
        assert status == expected, (typed, out, err)
        found = json.loads(out)
        assert isinstance(found, dict)
        assert len(out.splitlines()) == 1
        if expected == OK:
            self.done.add(name)
        return found

    def file(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def store(self) -> Store:
        return Store.open(Installation.load(self.home).database_url)


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    return Shell(folder=tmp_path, capsys=capsys, monkeypatch=monkeypatch)


def test_every_command_does_its_work_and_answers_in_json(shell: Shell) -> None:
    for chapter in CHAPTERS:
        chapter(shell)
    assert set(COMMANDS) - shell.done == NEVER_ENDS | ELSEWHERE


def setting_up(shell: Shell) -> None:
    made = shell.do("init", "--keys", "--test", economy=["KOR", "AUS"])
    first = {each["login"]: each["password"] for each in made["administrators"]}
    settings = (shell.home / "office.toml").read_text()
    (shell.home / "office.toml").write_text(
        f'{settings}\n[watch_lists]\nKOR = "watch.csv"\n'
        '[web.sign_on]\nissuer = "https://sso.example"\nclient_id = "abtc"\n'
        'economy = "KOR"\n'
        '[wallet]\nurl = "http://localhost:8322"\n'
    )
    shell.file("home/watch.csv", WATCH_LIST)
    why = {"reason": "first day"}
    shell.do("database check")
    shell.do("database upgrade")
    for login in ("ann-kor", "bob-kor", "ann-aus", "temp-kor"):
        code = login[-3:].upper()
        common = {"economy": code, **why}
        shell.do("user create", login, name=login, **common)
        for role in set(Role) - {Role.ADMIN}:
            shell.do("user role", "give", login, role, **common)
        key = shell.do("user api-key", login, label="shell", **common)
        shell.keys[login] = key["secret"]
    shell.do("user list", economy="KOR", **why)
    shell.do("user reset", "temp-kor", economy="KOR", **why)
    shell.do("user close", "temp-kor", economy="KOR", **why)
    key = shell.do("user api-key", "admin-kor", economy="KOR", label="a shell", **why)
    shell.keys["admin-kor"] = key["secret"]
    password = first["admin-kor"]
    shell.asks("admin-kor", "password change", current=password, new=PASSPHRASE)
    # With a second administrator, what one gives waits for the other from here on.
    shell.do("user role", "give", "ann-kor", "admin", economy="KOR", **why)


def accounts(shell: Shell) -> None:
    made = shell.asks(
        "ann-kor", "account create", login="job", display_name="Job", kind="program"
    )
    job = {"account": made["account"]}
    shell.asks("ann-kor", "account list")
    shell.asks("ann-kor", "account show", **job)
    shell.do("user confirm", "job", economy="KOR", reason="first day")
    shell.asks("ann-kor", "role give", role="audit", **job)
    shell.asks("admin-kor", "account confirm", **job)
    shell.asks("ann-kor", "role take", role="audit", **job)
    key = shell.asks("ann-kor", "api-key make", label="batch host", **job)
    shell.asks("ann-kor", "api-key close", key=key["key"])
    shell.asks("ann-kor", "api-key make-own", label="laptop")
    shell.asks("ann-kor", "account close", **job)
    eve = shell.asks("ann-kor", "account create", login="eve", display_name="Eve")
    shell.asks("ann-kor", "account link", account=eve["account"], subject="e17")
    shell.asks("ann-kor", "account reset-factors", account=eve["account"])
    sessions_of(shell)
    shell.asks("ann-kor", "economy host", code="NZL", administrator="nz",
               display_name="Administrator")  # fmt: skip
    shell.asks("ann-kor", "economy list")
    shell.asks("ann-kor", "economy show", code="AUS")
    shell.asks("ann-kor", "portal open")
    shell.asks("ann-kor", "portal show")
    shell.asks("ann-kor", "portal close")


def sessions_of(shell: Shell) -> None:
    found = shell.asks("ann-kor", "account list")["accounts"]
    ann = next(each["account"] for each in found if each["login"] == "ann-kor")
    store = shell.store()
    sessions.start(
        store, account_id=ann, signed_in_at=shell.now, state={}, browser="x",
        replaces=None, now=shell.now,
    )  # fmt: skip
    store.close()
    own = shell.asks("ann-kor", "session list")["sessions"]
    shell.asks("ann-kor", "session end", session=own[0]["session"])


def keys_and_scheme(shell: Shell) -> None:
    folder = {"folder": shell.home / "keys/KOR", "economy": "KOR"}
    shell.do("key make", use="status", key_id="KOR-status-2", **folder)
    shell.do("key held", **folder)
    shell.do("key check", **folder)
    shell.asks("ann-kor", "key add", key_id="KOR-status-2")
    shell.asks("ann-kor", "key list")
    text = shell.asks("ann-kor", "scheme text")["text"]
    changed = text.replace('source = "general knowledge"', 'source = "a letter"', 1)
    request = shell.file("request.json", json.dumps({"text": changed}))
    ids = [
        shell.asks("ann-kor", "scheme propose", **{"from": request})["id"]
        for _ in range(2)
    ]
    shell.asks("ann-kor", "scheme list")
    shell.asks("ann-kor", "scheme diff", id=ids[0])
    shell.asks("ann-kor", "scheme preview", id=ids[0])
    shell.asks("ann-kor", "scheme reject", id=ids[1])
    assert shell.asks_in_vain("ann-kor", "scheme approve", id=ids[0]) == (
        "rule.ck_scheme_text_four_eyes"
    )
    shell.asks("admin-kor", "scheme approve", id=ids[0])


def repository(shell: Shell) -> None:
    places = publishing(shell)
    scheme = shell.do("publish make-scheme", shell.folder / "documents/scheme.json")
    shell.do("publish init", scheme=scheme["file"], **places)
    for code in ("KOR", "AUS", "CHL"):
        shell.do("publish add-economy", code, **places)
    for who in ("ann-kor", "ann-aus"):
        shell.asks(who, "lists preview")
        shell.asks(who, "lists publish")
    shell.asks("ann-kor", "publication status")
    assert shell.asks("ann-kor", "key list")["keys"]
    assert shell.do("services renew-key", home=shell.home, economy="KOR")["keys"]
    (looked,) = shell.do("carriers look-again", home=shell.home, economy="KOR")[
        "economies"
    ]
    assert (looked["watched"], looked["flipped"]) == (0, 0)
    shell.now += timedelta(days=1)


def publishing(shell: Shell) -> dict[str, Any]:
    return {
        "out": shell.home / "public",
        "keys": shell.home / "keys/publish",
        "journal": shell.home / "outside/journal.jsonl",
    }


def applications(shell: Shell) -> None:
    case = enter(shell, "Kim")
    shell.asks("ann-kor", "application check", **TYPED("Lee"))
    shell.asks("ann-kor", "application correct", application=case, **TYPED("Kim"))
    portrait, _ = (
        shell.asks(
            "ann-kor", "application add-document", application=case, kind=kind,
            name="x.png", content=shell.file(f"{kind}.png", drawing(size)),
        )
        for kind, size in (("portrait", (600, 800)), ("signature", (600, 200)))
    )  # fmt: skip
    found = shell.asks("ann-kor", "application document", save=shell.folder,
                       document=portrait["document"])  # fmt: skip
    assert Path(found["content"]).stat().st_mode & 0o077 == 0
    shell.asks("ann-kor", "application list")
    (shell.home / "csca").mkdir()
    with (shell.home / "office.toml").open("a") as settings:
        settings.write('\n[epassport]\nanchors = "csca"\n')
    made_up = shell.file("chip.bin", b"no chip")
    found = shell.asks("ann-kor", "application read-chip", application=case,
                       sod=made_up, lines=made_up, portrait=made_up)  # fmt: skip
    assert found["outcome"] == "chip.malformed"
    review(shell, case)
    shell.asks("ann-kor", "application show", application=case)
    other = enter(shell, "Park")
    for verb in ("submit", "open"):
        shell.asks("bob-kor", f"application {verb}", application=other)
    shell.asks("bob-kor", "application refuse", application=other)
    third = enter(shell, "Choi")
    shell.asks("ann-kor", "application withdraw", application=third)
    shell.asks("ann-kor", "queue counts")
    shell.asks("ann-kor", "queue passports-short")
    shell.asks("ann-kor", "queue phones")
    assert shell.asks_in_vain("ann-kor", "application show", application=999) == (
        "record.unknown"
    )


def online(shell: Shell) -> None:
    """What applicants have handed in and paid, where somebody like them is on file."""
    store = shell.store()
    first, second, *payments = store.write(
        lambda session: handed_in(session, shell.now), now=shell.now
    )
    store.close()
    assert len(shell.asks("ann-kor", "portal held")["waiting"]) == 2
    shell.asks("ann-kor", "portal look", online=first)
    taken = shell.asks("ann-kor", "portal take", online=first)
    shell.asks("ann-kor", "portal dismiss", online=second)
    found = shell.asks("ann-kor", "portal of", application=taken["application"])
    assert found["online"]["contact"] == {"phone": "1"}
    submissions(shell)
    paper = {"application": taken["application"]}
    letter = shell.asks("ann-kor", "application follow-letter", **paper)
    assert len(letter["code"]) == len("7K2M-X9PD-4TQW")
    assert len(shell.asks("ann-kor", "portal payments")["payments"]) == 2
    paid = {"payment": payments[0]}
    shell.asks("ann-kor", "payment confirm", receipt="statement 7", **paid)
    shell.asks("ann-kor", "payment refund", **paid)
    shell.asks("ann-kor", "payment cancel", payment=payments[1])


def submissions(shell: Shell) -> None:
    """What a partner has handed in about somebody like somebody on file."""
    person = {"family_name": "Kim", "given_name": "Min", "birthdate": "1981-02-03",
              "sex": "M", "nationality": "KOR"}  # fmt: skip
    passport = {"country": "KOR", "number": "M4455667", "issued_on": "2028-01-01",
                "expires_on": "2037-12-31"}  # fmt: skip

    def work(session: Session) -> list[int]:
        rows = [
            HeldSubmission(
                economy="KOR", client="client:x", number=f"KOR{number:09}",
                given=json.dumps({"person": person, "passport": passport}),
                held_for="application.duplicate", is_whole=False, state="waiting",
                came_at=shell.now, changed_at=shell.now,
            )
            for number in range(2)
        ]  # fmt: skip
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]

    store = shell.store()
    first, second = store.write(work, now=shell.now)
    store.close()
    assert len(shell.asks("ann-kor", "submission held")["waiting"]) == 2
    shell.asks("ann-kor", "submission look", submission=first)
    taken = shell.asks("ann-kor", "submission take", submission=first)
    assert taken["number"] == "KOR000000000"
    shell.asks("ann-kor", "submission dismiss", submission=second)


def handed_in(session: Session, now: datetime) -> list[int]:
    applicant = Applicant(economy="KOR", email="x@example.com", created_at=now)
    session.add(applicant)
    session.flush()
    passport = {
        "family_name": "Moon", "given_name": "A", "birthdate": "1970-01-31",
        "sex": "F", "nationality": "KOR", "passport_country": "KOR",
        "passport_number": "M7777777", "passport_issued_on": "2029-01-01",
        "passport_expires_on": "2039-01-01",
    }  # fmt: skip
    answers = json.dumps({"passport": passport, "contact": {"phone": "1"}})
    rows: list[Any] = [
        OnlineApplication(
            economy="KOR", applicant_id=applicant.id, reference=f"KOR-{number}",
            state="held", kind="new", answers=answers, created_at=now, changed_at=now,
            submitted_at=now, held_for="application.duplicate",
        )
        for number in range(2)
    ]  # fmt: skip
    rows += [
        OnlinePayment(economy="KOR", reference=f"P-KOR-{number}", kind="application",
                      amount="5", currency="KRW", state="due", created_at=now,
                      changed_at=now)
        for number in range(2)
    ]  # fmt: skip
    session.add_all(rows)
    session.flush()
    return [row.id for row in rows]


def enter(shell: Shell, name: str, **more: Any) -> int:
    entered = shell.asks("ann-kor", "application enter", **TYPED(name), **more)
    return int(entered["application"])


def review(shell: Shell, case: int) -> int:
    """Take an application to where every economy has been asked."""
    for verb in ("submit", "open", *["pass-stage"] * 2):
        shell.asks("bob-kor", f"application {verb}", application=case)
    shell.asks("bob-kor", "application approve", application=case)
    moved = shell.asks("bob-kor", "application circulate", application=case)
    return int(moved["card"])


def answers(shell: Shell) -> None:
    (asked,) = shell.asks("ann-aus", "incoming list")["requests"]
    lane = asked["lane"]["id"]
    shell.asks("ann-aus", "incoming show", preclearance=lane)
    held = shell.asks("ann-aus", "incoming hold", preclearance=lane, event="refuse")
    shell.asks("ann-aus", "incoming held")
    shell.asks("ann-aus", "incoming undo", held=held["held"])
    shell.asks("ann-aus", "incoming send-held")
    shell.asks("ann-aus", "incoming decide", preclearance=lane, event="refuse")
    shell.asks("ann-kor", "preclearance ask-again", preclearance=lane)
    shell.asks("ann-aus", "incoming decide", preclearance=lane, event="reconsider")
    lanes = shell.asks("ann-kor", "preclearance list")["lanes"]
    at = {each["destination"]: each["id"] for each in lanes}
    shell.asks("ann-kor", "preclearance remind", preclearance=at["JPN"])
    shell.asks("ann-kor", "preclearance record", preclearance=at["JPN"],
               event="approve")  # fmt: skip
    shell.asks("ann-kor", "preclearance check", card=1)
    shell.asks("ann-kor", "incoming receive", **{"from": shell.file(
        "asked.json", json.dumps(ASKED))})  # fmt: skip
    shell.asks("ann-kor", "incoming screen")
    (theirs,) = shell.asks("ann-kor", "incoming list")["requests"]
    found = shell.asks("ann-kor", "incoming show", preclearance=theirs["lane"]["id"])
    (hit,) = found["hits"]
    shell.asks("ann-kor", "incoming settle-hit", hit=hit["id"],
               outcome="other_person")  # fmt: skip
    shell.asks("ann-kor", "incoming told", issuer="JPN", reference="J-1",
               event="activate", expires_at="2034-12-02T00:00:00Z")  # fmt: skip


def cards(shell: Shell) -> None:
    shell.file("phone.json", json.dumps(phone()))
    shell.file("phone-2.json", json.dumps(phone("another")))
    given = {"card": 1, "holder_key": key(shell)}
    assert shell.asks_in_vain("bob-kor", "card issue-app", **given) == (
        "rule.ck_issue_four_eyes"
    )
    app = shell.asks("ann-kor", "card issue-app", **given)
    shell.asks("ann-kor", "lists publish")
    shell.asks("ann-kor", "card suspend", card=1, why="doubt")
    shell.asks("ann-kor", "lists publish")
    assert shell.asks_in_vain("ann-kor", "card restore", card=1, why="settled") == (
        "suspension.second_person"
    )
    shell.asks("bob-kor", "card restore", card=1, why="settled")
    assert shell.asks_in_vain("ann-kor", "lists publish") == "shrink.emptied"
    shrink = shell.asks("ann-kor", "lists propose-shrink")["id"]
    shell.asks("bob-kor", "lists approve-shrink", id=shrink)
    shell.asks("ann-kor", "lists publish", approval=shrink)
    shell.asks("ann-kor", "credential suspend", credential=app["credential"], why="x")
    shell.asks("bob-kor", "credential restore", credential=app["credential"], why="x")
    again = shell.asks("ann-kor", "card rebind", card=1, holder_key=key(shell, 2))
    lanes = shell.asks("ann-kor", "preclearance list")["lanes"]
    peru = next(each["id"] for each in lanes if each["destination"] == "PER")
    shell.asks("ann-kor", "preclearance record", preclearance=peru, event="approve")
    shell.asks("ann-kor", "card refresh", credential=again["credential"])
    shell.asks("ann-kor", "card refresh-due")
    shell.asks("ann-kor", "card show", card=1)
    shell.asks("ann-kor", "card find", family_name="KIM")
    shell.asks("ann-kor", "card reissue-choices", card=1)
    shell.asks("ann-kor", "card expire-due")
    shell.asks("ann-kor", "issue recover")
    shell.asks("ann-kor", "issue reconcile")


def key(shell: Shell, number: int = 1) -> str:
    name = "phone.json" if number == 1 else "phone-2.json"
    return f"@{shell.folder / name}"


def plastic(shell: Shell) -> None:
    made = shell.asks("ann-kor", "card issue-plastic", interim=True, card=1)
    drawn = shell.asks("ann-kor", "card plastic-files", save=shell.folder,
                       credential=made["credential"])  # fmt: skip
    assert Path(drawn["front"]).read_bytes().startswith(b"\x89PNG")
    shell.asks("ann-kor", "plastic list")
    batch = shell.asks("ann-kor", "plastic batch")["batch"]
    shell.asks("ann-kor", "plastic batches")
    shell.asks("ann-kor", "plastic take-batch", batch=batch)
    shell.asks("ann-kor", "plastic remove-batch", batch=batch)
    assert not list((shell.home / "bureau").iterdir())
    spoiled = shell.asks("ann-kor", "plastic spoil", credential=made["credential"])
    made = spoiled["made_again"]
    shell.asks("ann-kor", "plastic batch")
    shell.asks("ann-kor", "plastic hand-over", credential=made["credential"])
    for verb in ("pass-stage", "close"):
        shell.asks(
            "bob-kor", f"application {verb}", without_waiting=True, application=1
        )
    lanes = shell.asks("ann-kor", "preclearance list")["lanes"]
    chile = next(each["id"] for each in lanes if each["destination"] == "CHL")
    shell.asks("ann-kor", "preclearance record", preclearance=chile, event="approve")
    shell.asks("ann-kor", "card add-economies", card=1)
    shell.asks("ann-kor", "card replace", card=1, why="damage")
    shell.asks("ann-kor", "card report-lost", card=1, what="phone")
    shell.asks("ann-kor", "card convert", card=1, holder_key=key(shell))


def lost_and_renewed(shell: Shell) -> None:
    shell.asks("ann-kor", "card report-passport", card=1, how="lost")
    new = {"country": "KOR", "number": "N0000001", "expires_on": "2039-11-30"}
    digest = shell.asks("ann-kor", "card preview-passport", card=1, **new)["digest"]
    shell.asks("ann-kor", "card link-passport", card=1, confirmation=digest, **new)
    shell.asks("ann-kor", "card report-lost", card=1, what="card")
    second = shell.asks("ann-kor", "card replace-lost", card=1)["card"]
    issued = shell.asks("ann-kor", "card issue-app", card=second,
                        holder_key=key(shell))  # fmt: skip
    shell.asks("ann-kor", "credential revoke", credential=issued["credential"],
               why="fraud")  # fmt: skip
    # The day of issue was not known when the passport was linked.
    passport = json.dumps(new | {"issued_on": "2029-12-01"})
    shell.asks("ann-kor", "card renew", card=second, passport=passport)
    shell.asks("ann-kor", "card cancel", card=second, why="at the holder's wish")
    shell.asks("ann-kor", "lists publish")
    shell.asks("ann-kor", "key retire", key_id="KOR-status-2")


def many(shell: Shell) -> None:
    card = review(shell, enter(shell, "Yoon"))
    shell.asks("ann-kor", "bulk actions")
    lanes = shell.asks("ann-kor", "preclearance list", limit=200)["lanes"]
    ids = [each["id"] for each in lanes if each["card"] == card][:3]
    what = {"action": "preclearance.remind", "ids": ids}
    shell.asks("ann-kor", "bulk preview", **what)
    bulk = shell.asks("ann-kor", "bulk propose", **what)["bulk"]
    shell.asks("bob-kor", "bulk approve", bulk=bulk, at_most=1)
    shell.asks("bob-kor", "bulk resume", bulk=bulk)
    for verb in ("show", "items"):
        shell.asks("ann-kor", f"bulk {verb}", bulk=bulk)
    other = shell.asks("ann-kor", "bulk propose", **what)["bulk"]
    shell.asks("bob-kor", "bulk reject", bulk=other)
    shell.asks("ann-kor", "bulk list")


def sheets(shell: Shell) -> None:
    files = {}
    for kind in ("applications", "requests", "answers"):
        found = shell.asks("ann-kor", "import template", kind=kind)
        files[kind] = shell.file(f"{kind}.csv", found["text"])
    applications = files["applications"]
    shell.asks("ann-kor", "import check", kind="applications", content=applications)
    two = shell.file("two.csv", two_rows(applications, "Virtanen", "Laine"))
    started = shell.asks("ann-kor", "import start", kind="applications", content=two,
                         at_most=1)  # fmt: skip
    shell.asks("ann-kor", "import resume", id=started["id"], content=two)
    other = shell.file("other.csv", two_rows(applications, "Korhonen", "Nieminen"))
    started = shell.asks("ann-kor", "import start", kind="applications",
                         content=other, at_most=1)  # fmt: skip
    shell.asks("ann-kor", "import abandon", id=started["id"])
    shell.asks("ann-kor", "import list")
    shell.do("import applications", applications, reason="a sheet")
    text = files["requests"].read_text("utf-8").replace("AUS", "SGP")
    requests = shell.file("requests.csv", text)
    shell.do("import requests", requests, reason="a sheet")
    lanes = shell.asks("ann-kor", "preclearance list", destination="MYS")["lanes"]
    (open_,) = [each["card"] for each in lanes if each["state"] == "pending"]
    answer = f'destination,reference,event\n"MYS","card-{open_}","approve"\n'
    answers = shell.file("answers.csv", answer)
    shell.do("import answers", answers, reason="a sheet")
    for what in ("applications", "preclearances"):
        shell.asks("ann-kor", f"export {what}")
    shell.asks("ann-kor", "export report", report="months")
    for what in ("answer-times", "backlog", "months"):
        shell.asks("ann-kor", f"report {what}")


def two_rows(path: Path, *names: str) -> str:
    """Two people instead of the one of a template."""
    head, row = path.read_text("utf-8-sig").splitlines()[:2]
    lines = [head]
    for day, name in enumerate(names, 11):
        line = row.replace("Eriksson", name).replace("ERIKSSON", name.upper())
        line = line.replace("1984-08-12", f"19{len(name) + 60}-02-{day}")
        lines.append(line.replace("L898902C3", f"L{name.upper()}"))
    return "\n".join([*lines, ""])


def audit(shell: Shell) -> None:
    shell.asks("ann-kor", "audit list")
    shell.asks("ann-kor", "operator issued", account=2)
    shell.do("audit show", economy="KOR")
    shell.do("audit head", "--keep")
    assert all(each["whole"] for each in shell.do("audit verify")["logs"])


def publisher(shell: Shell) -> None:
    places, documents = publishing(shell), shell.folder / "documents"
    shell.do("publish make-scheme", documents / "scheme.json")
    shell.do("publish lists", "scheme", **{"from": documents}, **places)
    policy(shell, "CHL")
    shell.do("publish lists", "CHL", **{"from": documents}, **places)
    own = {"keys": shell.folder / "per"}
    made = shell.do("publish make-key", "PER", out=shell.folder / "PER.json", **own)
    shell.do("publish add-economy", "PER", key=made["file"], **places)
    policy(shell, "PER")
    submission = shell.do(
        "publish sign", "PER", shell.folder / "PER.submission", **own,
        **{"from": documents}, published=places["out"],
        root=places["out"] / "metadata/1.root.json",
    )  # fmt: skip
    shell.do("publish accept", submission["file"], **places)
    shell.do("publish revoke-economy", "CHL", approved_by=["ann", "bob"], **places)
    shell.do("publish rotate-key", "KOR", **places)
    shell.do("publish renew", "KOR", **places)
    shell.do("publish timestamp", **places)
    shell.do("publish prune", **places)
    shell.do("publish deltas", out=places["out"])
    shell.do("publish bundle", shell.folder / "kor.zip", out=places["out"])
    shell.do("publish status", out=places["out"])
    adopted = places | {"journal": shell.folder / "new.jsonl"}
    shell.do("publish adopt", approved_by=["ann", "bob"], **adopted)


def policy(shell: Shell, code: str) -> None:
    document = policy_document(Scheme.load(), code, issued_at=shell.now)
    shell.file(f"documents/{code}/policy.json", document)


def backups(shell: Shell) -> None:
    archive, back = shell.folder / "backup.tar.gz", shell.folder / "back"
    shell.do("backup make", archive)
    shell.do("backup verify", archive)
    assert shell.do("backup drill")["good"]
    shell.do("restore", archive, home=back)
    for name in ("keys", "public", "outside"):
        shutil.copytree(shell.home / name, back / name, dirs_exist_ok=True)
    report = shell.asks("ann-kor", "backup reconcile", home=back)
    shell.asks("admin-kor", "backup confirm", home=back, digest=report["digest"])
    shell.asks("ann-kor", "backup list", home=back)


def demonstration(shell: Shell) -> None:
    demo = {"home": shell.folder / "demo"}
    shell.do("init", test=True, keys=True, economy="NZL", **demo)
    shell.do("demo-data", cards=3, **demo)


def phones(shell: Shell) -> None:
    made = shell.asks("ann-kor", "offer make", card=1)
    assert made["one_time_code"] not in made["link"]
    shell.asks("ann-kor", "offer list", card=1)
    shell.asks("ann-kor", "offer cancel", offer=made["offer"])
    store = shell.store()
    waiting = CounterPhone(
        economy="KOR", number="00000000", key="k" * 43, made_at=shell.now,
        ends_at=shell.now + timedelta(hours=1),
    )  # fmt: skip
    store.write(lambda session: session.add(waiting), now=shell.now)
    store.close()
    shell.asks("ann-kor", "counter activate", card=1, number="00000000")


def devices(shell: Shell) -> None:
    secret = verifier.DeviceKey.make()
    made = shell.asks(
        "ann-kor", "device enrol", name="Gate 1",
        public_key=verifier.DeviceKey(secret).public,
    )  # fmt: skip
    shell.file("collector.json", json.dumps(made["collector"]))
    log = verifier.ScanLog(shell.folder / "log", key=bytes(32))
    log.record(World(economies=["KOR"]).verify("no code"))
    collector = verifier.Collector.parse((shell.folder / "collector.json").read_bytes())
    verifier.seal_log(
        log, str(shell.folder / "sealed"), collector=collector,
        device_key=verifier.DeviceKey(secret),
    )  # fmt: skip
    found = shell.asks("ann-kor", "device collect", content=shell.folder / "sealed")
    assert (found["batches"], found["rows"]) == (1, 2)
    shell.asks("ann-kor", "device list")
    assert shell.asks("ann-kor", "device show", device=made["device"])["findings"] == 0
    (counted,) = shell.asks("ann-kor", "report scans", days=3660)["rows"]
    assert (counted["name"], counted["count"]) == ("Gate 1", 1)
    shell.asks("ann-kor", "device remove-old")
    shell.asks("ann-kor", "device retire", device=made["device"])


def links(shell: Shell) -> None:
    assert shell.do("link run", once=True, economy="KOR") == {"rounds": []}
    opened = shell.asks("ann-kor", "link open", destination="SGP")
    assert opened["address"] is None
    (line,) = shell.asks("ann-kor", "link status")["links"]
    assert line["name"] == "Singapore"
    found = shell.asks("ann-kor", "link problems", destination="SGP")
    assert found == {"not_taken": [], "refused": []}
    shell.asks("ann-kor", "link send-again", destination="SGP")


def systems(shell: Shell) -> None:
    shell.file("client.jwk", json.dumps(phone("client")))
    client = shell.asks(
        "ann-kor", "client add", name="Association", scopes=["track", "submit"],
        jwk=f"@{shell.folder / 'client.jwk'}",
    )  # fmt: skip
    assert client["waits"]
    shell.asks("admin-kor", "client confirm", client=client["client"])
    assert len(shell.asks("ann-kor", "client list")["clients"]) == 1
    shell.asks("ann-kor", "client retire", client=client["client"])
    assert shell.asks("ann-kor", "webhook list")["webhooks"] == []
    assert shell.asks_in_vain("ann-kor", "webhook revive", webhook=1) == (
        "record.unknown"
    )
    told = shell.do("services deliver", home=shell.home)
    assert told == {"told": 0, "failed": 0, "dead": 0}


def passports(shell: Shell) -> None:
    """KOR keeps a register of its passports, and asks it as it asks others."""
    kor = "ann-kor"
    assert shell.asks_in_vain(kor, "passport count") == "passports.not_joined"
    settings = shell.home / "office.toml"
    contact = '[passports.KOR]\ncomplete = true\ncontact = "+82 2 2100 0000"\n'
    settings.write_text(f"{settings.read_text()}\n{contact}")
    file = shell.file("passports.csv", "number,state\nM10000001,valid\n")
    shell.monkeypatch.setenv("ABTC_API_KEY", shell.keys[kor])
    assert shell.do("import passports", file, reason="daily")
    assert shell.asks(kor, "passport count")["by_state"]["valid"] == 1
    asked = {"country": "KOR", "number": "M10000001"}
    assert shell.asks(kor, "passport check", **asked)["status"] == "VALID"
    rows = json.dumps([asked])
    (told,) = shell.asks(kor, "passport check-list", passports=rows)["answers"]
    assert told["status"] == "VALID"
    listed = shell.file("asked.csv", "country,number\nKOR,M10000001\nKOR,M7\nSGP,X1\n")
    out = listed.with_name("answered.csv")
    told = shell.do("passport check-file", listed, reason="a flight", out=out)
    assert told["answers"] == {"VALID": 1, "NOT_RECOGNISED": 1, "NO_ANSWER": 1}
    first, second, *_ = out.read_text("utf-8-sig").splitlines()
    assert first.startswith('"line","country","number","status"')
    assert second.startswith('"2","KOR","M10000001","VALID","KOR"')
    shell.refused("passport check-file", listed, reason="again", out=out)
    assert out.read_text("utf-8-sig").splitlines()[1] == second
    slips = shell.file("slips.csv", "country,number\nKOR,M1\nkor,M2\n")
    other = out.with_name("slips-answered.csv")
    code = shell.refused("passport check-file", slips, reason="a slip", out=other)
    assert code == "import.not_clean"
    assert not other.exists()
    shell.asks(kor, "passport set", number="M10000001", state="stolen")
    assert shell.asks(kor, "passport check", **asked)["status"] == "STOLEN"
    own, theirs = shell.asks(kor, "passport hits")["hits"]
    assert own["reference"] == theirs["reference"]
    shell.asks(kor, "passport close-hit", hit=own["hit"], outcome="Fetched.")
    shell.asks(kor, "passport figures")


def mails(shell: Shell) -> None:
    def dead(reference: str) -> Mail:
        return Mail(
            economy="KOR", kind="card_ends", recipient="anna@traveller.example",
            words=json.dumps({"months": 6, "date": "4 May 2030"}),
            reference=reference, state="dead", queued_at=shell.now, next_at=shell.now,
            settled_at=shell.now,
        )  # fmt: skip

    store = shell.store()
    rows = [dead("1"), dead("2")]
    store.write(lambda session: session.add_all(rows), now=shell.now)
    store.close()
    first, second = (
        each["mail"] for each in shell.asks("ann-kor", "mail list")["mails"]
    )
    shell.asks("ann-kor", "mail drop", mail=first)
    shell.asks("ann-kor", "mail retry", mail=second)
    assert shell.do("mail send", once=True)["sent"] == 1
    assert len([*(shell.home / "mail").glob("*.eml")]) == 1
    assert shell.do("mail remind") == {"clearances": 0, "endings": 0}


def requests(shell: Shell) -> None:
    store = shell.store()

    def ask(session: Session) -> None:
        who = Applicant(economy="KOR", email="ann@example.com", created_at=shell.now)
        session.add(who)
        session.flush()
        session.add(
            HolderRequest(economy="KOR", card_id=1, applicant_id=who.id,
                          kind="renewal", state="waiting", made_at=shell.now)
        )  # fmt: skip

    store.write(ask, now=shell.now)
    store.close()
    (line,) = shell.asks("ann-kor", "request list")["requests"]
    number = line["request"]
    assert shell.asks("ann-kor", "request show", request=number)["kind"] == "renewal"
    shell.asks("ann-kor", "request settle", request=number, outcome="done", answer="x")


def figures(shell: Shell) -> None:
    written = shell.do("statistics", out=shell.folder / "statistics", months=2)
    assert "index.html" in written["files"]
    assert shell.asks("ann-kor", "report statistics", months=2)["economy"] == "KOR"
    found = shell.asks("ann-kor", "economy requirements", code="TWN")
    assert found["name"] == "Chinese Taipei"


CHAPTERS: tuple[Callable[[Shell], None], ...] = (
    setting_up, accounts, keys_and_scheme, repository, applications, online, answers,
    cards, phones, plastic, lost_and_renewed, many, sheets, devices, passports, links,
    systems, mails, requests, figures, audit, backups, publisher, demonstration,
)  # fmt: skip
WATCH_LIST = (
    "reference,family_name,given_name,birthdate,nationality,"
    "passport_country,passport_number\nW-1,Sato,Ichiro,1970-01-31,JPN,,\nend,1\n"
)
ASKED = {
    "issuer": "JPN", "reference": "J-1", "family_name": "Sato",
    "given_name": "Ichiro", "birthdate": "1970-01-31", "sex": "M",
    "nationality": "JPN", "passport_country": "JPN", "passport_number": "TK1234567",
    "passport_issued_on": "2028-01-01", "passport_expires_on": "2038-01-01",
    "applied_on": "2029-12-01",
}  # fmt: skip


def TYPED(name: str) -> dict[str, str]:  # noqa: N802  # it stands for what is typed
    born = 1950 + sum(map(ord, name)) % 40
    person = {"family_name": name, "given_name": "Min Jun", "sex": "M",
              "birthdate": f"{born}-05-17", "nationality": "KOR"}  # fmt: skip
    passport = {"country": "KOR", "number": f"M{name.upper()}1",
                "issued_on": "2028-01-01", "expires_on": "2038-01-01"}  # fmt: skip
    return {"person": json.dumps(person), "passport": json.dumps(passport)}


def drawing(size: tuple[int, int]) -> bytes:
    image, data = Image.new("RGB", size, "white"), BytesIO()
    across = (size[0] // 4, size[1] // 4, 3 * size[0] // 4, 3 * size[1] // 4)
    ImageDraw.Draw(image).ellipse(across, outline="black", width=8)
    image.save(data, "PNG")
    return data.getvalue()
