"""Mails to applicants: queued with what they tell of, delivered at least once."""

import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from issuer import mail_sending
from issuer.cli import main
from issuer.errors import Conflict, Forbidden, SettingsError
from issuer.installation import Installation, MailSettings
from issuer.mail import mail_texts, message_of, queue_mail, read_mail_texts
from issuer.mail_sending import CLAIM, PAUSES, MailRun, send_due
from issuer.store import Mail, MailState
from tests.issuer.back_office import SCHEME, BackOffice
from tests.issuer.mail_server import (
    HOST,
    PASSWORD,
    Inbox,
    mail_server,
    only_with_password,
    tls_of,
)
from tests.issuer.office.flow import Flow, refused
from tests.simulator import NOW

TO = "anna@traveller.example"


@pytest.fixture
def flow(back_office: BackOffice) -> Flow:
    return Flow(back_office)


def put(flow: Flow, kind: str = "card_ends", **more: Any) -> bool:
    """Queue a mail about a card's end."""
    words = more.pop("words", {"months": 6, "date": "4 May 2030"})
    to = more.pop("to", TO)
    return bool(
        flow.write(
            lambda session: queue_mail(
                session, "AUS", to, kind, words, flow.now, **more
            )
        )
    )


def mails(flow: Flow) -> list[Mail]:
    query = select(Mail).order_by(Mail.id)
    return list(flow.read(lambda session: session.scalars(query).all()))


def installation(flow: Flow, **settings: Any) -> Installation:
    folder = flow.office.office.installation.folder
    return Installation(
        folder=folder,
        mail=MailSettings(sender="ABTC <no-reply@abtc.example>", **settings),
    )


def send(flow: Flow, *, password: str | None = None, **settings: Any) -> MailRun:
    return send_due(
        flow.office.store,
        installation(flow, **settings),
        SCHEME,
        clock=lambda: flow.now,
        password=password,
    )


def files(flow: Flow) -> list[EmailMessage]:
    folder = flow.office.office.installation.folder / "mail"
    return [
        message_from_bytes(path.read_bytes(), policy=default)
        for path in sorted(folder.glob("*.eml"))
    ]


def text_of(message: EmailMessage) -> str:
    return " ".join(str(message.get_content()).split())


# Queued


def test_an_approval_is_told_with_its_number_and_nothing_of_the_traveller(
    flow: Flow,
) -> None:
    """The applicant hears of it; name, birth date and passport stay here."""
    flow.active(email=TO)
    assert send(flow).sent == 2
    received, approved = sorted(files(flow), key=lambda each: str(each["Subject"]))
    assert "is approved" in approved["Subject"] or "is approved" in received["Subject"]
    case = flow.read(lambda session: session.scalars(select(Mail.kind)).all())
    assert sorted(case) == ["application_approved", "application_received"]
    for each in (received, approved):
        assert each["To"] == TO
        for secret in ("QAAAB", "1951", "PAAABAAAB", "Anna"):
            assert secret.lower() not in each.as_string().lower().replace(TO, "")


def test_whoever_gave_no_address_gets_no_mail_and_is_approved_all_the_same(
    flow: Flow,
) -> None:
    assert flow.active().state == "home_approved"
    assert mails(flow) == []


def test_a_mail_of_what_did_not_happen_is_not_there(flow: Flow) -> None:
    """It is in the transaction that it tells of."""

    def broken(session: Any) -> None:
        queue_mail(session, "AUS", TO, "card_ends", {"months": 6, "date": "x"}, NOW)
        raise Conflict("x", "y")

    with pytest.raises(Conflict):
        flow.write(broken)
    assert mails(flow) == []


def test_what_is_told_once_is_not_told_twice(flow: Flow) -> None:
    assert put(flow, once_key="card_ends:6:17")
    assert not put(flow, once_key="card_ends:6:17")
    assert put(flow, once_key="card_ends:3:17")
    assert len(mails(flow)) == 2


def test_the_database_itself_lets_nothing_be_told_twice(flow: Flow) -> None:
    """Two at once may both find that nobody was told."""
    put(flow, once_key="x")
    row = mails(flow)[0]
    twin = {
        column.name: getattr(row, column.name)
        for column in Mail.__table__.columns
        if column.name not in {"id", "reference"}
    }
    with pytest.raises(Forbidden):
        flow.write(lambda session: session.add(Mail(**twin, reference="other")))


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "nobody",
        "a@b",
        "a b@c.example",
        "a@c.example\r\nBcc: victim@d.example",
        "a@c.example, victim@d.example",
        "a@c.example\n",
        "<a@c.example>",
        "ä@c.example",
        "=?utf-8?q??=@c.example",
        "=?utf-8?q?a=40d.example=2Cb?=@c.example",
        "=?utf-8?q?=C3=A4?=@c.example",
    ],
)
def test_c2_what_is_no_address_gets_no_mail(flow: Flow, address: str | None) -> None:
    """Nor does it stop what the mail would have told of, or the mails of others."""
    assert not put(flow, to=address)
    assert mails(flow) == []
    put(flow)
    assert send(flow).sent == 1


def test_words_that_a_text_has_no_place_for_are_a_mistake(flow: Flow) -> None:
    with pytest.raises(ValueError, match="card_ends takes"):
        put(flow, words={"months": 6})
    with pytest.raises(ValueError, match="card_ends takes"):
        put(flow, words={"months": 6, "date": "x", "name": "y"})
    with pytest.raises(ValueError, match="there is no mail"):
        put(flow, "invented")


# Texts


@given(st.text(max_size=300), st.sampled_from(sorted(mail_texts())))
def test_c2_no_word_adds_a_header_or_a_recipient(word: str, kind: str) -> None:
    """Whatever is put into a text, its headers are ours and no more."""
    places = mail_texts()[kind].places - {"economy", "address"}
    from issuer.mail import _fit  # noqa: PLC0415  # as `queue_mail` keeps them

    mail = Mail(
        kind=kind,
        recipient=TO,
        words=json.dumps({name: _fit(word) for name in places}),
        reference="0" * 32,
        queued_at=NOW,
    )
    made = message_of(mail, MailSettings(), economy_name="Peru", address="http://x")
    read = message_from_bytes(made.as_bytes(), policy=default)
    assert sorted(map(str.lower, read.keys())) == sorted(
        [
            "from", "to", "subject", "date", "message-id", "auto-submitted",
            "content-type", "content-transfer-encoding", "mime-version",
        ]
    )  # fmt: skip
    assert read["To"] == TO
    assert read.get_content_type() == "text/plain"


def test_w10_no_text_has_a_code_beside_an_address() -> None:
    """Who reads one mail must not have both halves of what takes two."""
    for kind, text in mail_texts().items():
        assert not {"code", "address"} <= text.places, kind
    one = '{"x": {"subject": "$code", "body": ["$%s"]}}'
    for way in ("address", "link", "offer"):
        with pytest.raises(ValueError, match="beside an address"):
            read_mail_texts(one % way)
    with pytest.raises(ValueError, match="names nothing"):
        read_mail_texts('{"x": {"subject": "5 $", "body": []}}')


def test_texts_are_plain_and_short_enough_for_every_reader(flow: Flow) -> None:
    put(flow)
    send(flow)
    [message] = files(flow)
    lines = str(message.get_content()).splitlines()
    assert max(map(len, lines)) <= 72
    assert "http://localhost/apply/AUS/" in text_of(message)
    assert "ends on 4 May 2030" in text_of(message)
    assert message["From"] == "ABTC <no-reply@abtc.example>"
    assert message["Auto-Submitted"] == "auto-generated"


# Delivered into a folder


def test_without_settings_a_mail_is_a_file_for_its_owner_only(flow: Flow) -> None:
    put(flow)
    assert send(flow) == MailRun(sent=1)
    folder = flow.office.office.installation.folder / "mail"
    [path] = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert send(flow) == MailRun()


def test_c8_nothing_of_a_mail_stays_when_it_has_left(flow: Flow) -> None:
    put(flow)
    send(flow)
    [row] = mails(flow)
    assert (row.state, row.recipient, row.words) == (MailState.SENT, None, "{}")


def test_a_folder_that_cannot_be_written_loses_nothing(flow: Flow) -> None:
    put(flow)
    folder = flow.office.office.installation.folder / "mail"
    folder.write_text("in the way")
    assert send(flow).trouble == "folder.unwritable"
    folder.unlink()
    flow.now += timedelta(minutes=2)
    assert send(flow) == MailRun(sent=1)


# Delivered by SMTP


@pytest.mark.enable_socket
def test_a_mail_goes_over_tls_to_a_server_that_is_signed_in_to(
    flow: Flow, tmp_path: Path
) -> None:
    put(flow)
    inbox, tls = Inbox(), tls_of(tmp_path)
    options = {
        "tls_context": tls,
        "require_starttls": True,
        "auth_required": True,
        "authenticator": only_with_password,
    }
    with mail_server(inbox, **options) as port:
        where: dict[str, Any] = {"host": HOST, "port": port, "user": "abtc"}
        where["authorities"] = str(tmp_path / "mail.pem")
        wrong = send(flow, password=f"not {PASSWORD}", **where)
        assert wrong == MailRun(trouble="smtp.sign_in")
        assert send(flow, password=PASSWORD, **where) == MailRun(sent=1)
    assert (inbox.recipients, inbox.was_tls) == ([TO], [True])
    assert "ends on 4 May 2030" in text_of(inbox.mails[0])


@pytest.mark.enable_socket
def test_c7_no_mail_goes_in_the_clear_to_a_server_without_tls(flow: Flow) -> None:
    """Nor to one whose offer of TLS somebody in between has taken out."""
    put(flow)
    inbox = Inbox()
    with mail_server(inbox) as port:
        assert send(flow, host=HOST, port=port).trouble == "smtp.tls"
    assert inbox.mails == []


@pytest.mark.enable_socket
def test_c7_a_server_that_nobody_vouches_for_gets_no_mail(
    flow: Flow, tmp_path: Path
) -> None:
    put(flow)
    inbox = Inbox()
    with mail_server(inbox, tls_context=tls_of(tmp_path)) as port:
        assert send(flow, host=HOST, port=port).trouble == "smtp.tls"
    other = tls_of(tmp_path, host="127.0.0.2")
    file = str(tmp_path / "mail.pem")
    with mail_server(inbox, tls_context=other) as port:
        run = send(flow, host=HOST, port=port, authorities=file)
        assert run.trouble == "smtp.tls"
    assert inbox.mails == []
    assert mails(flow)[0].tries == 0


@pytest.mark.parametrize(
    "host", ["smtp.abtc.example", "192.0.2.1", "127.0.0.1.b.example"]
)
def test_c7_settings_without_tls_are_for_this_machine_only(host: str) -> None:
    with pytest.raises(ValueError, match="only where host is this machine"):
        MailSettings(host=host, tls="none")
    MailSettings(host="127.0.0.1", tls="none")


@pytest.mark.parametrize("sender", ["x", "a@b\r\nBcc: c@d", "A B <>", "", "a@"])
def test_c2_a_sender_that_is_no_mailbox_is_refused_at_the_start(
    tmp_path: Path, sender: str
) -> None:
    text = f"[mail]\nsender = {json.dumps(sender)}\n"
    (tmp_path / "office.toml").write_text(text)
    with pytest.raises(SettingsError, match=r"mail\.sender"):
        Installation.load(tmp_path)


@pytest.mark.enable_socket
def test_a_mail_that_is_refused_for_good_waits_for_staff(flow: Flow) -> None:
    """They see it without its address, try it again, or give it up."""
    put(flow)
    inbox = Inbox(to_recipient="550 no such user")
    with mail_server(inbox) as port:
        where: dict[str, Any] = {"host": HOST, "port": port, "tls": "none"}
        assert send(flow, **where) == MailRun(dead=1)
        assert send(flow, **where) == MailRun()
        [line] = flow.do("mail.list").mails
        assert (line.host, line.error) == ("traveller.example", "smtp.refused")
        assert "anna" not in str(line)
        assert flow.do("mail.list", economy="JPN").mails == ()
        flow.do("mail.retry", mail=line.mail)
        with refused("mail.not_dead"):
            flow.do("mail.retry", mail=line.mail)
        inbox.to_recipient = ""
        assert send(flow, **where) == MailRun(sent=1)
    with refused("mail.ended"):
        flow.do("mail.drop", mail=line.mail)


@pytest.mark.enable_socket
def test_a_mail_that_is_not_taken_yet_is_tried_more_and_more_seldom(
    flow: Flow,
) -> None:
    """Each copy has the same Message-ID; in the end it waits for staff."""
    put(flow)
    inbox = Inbox(to_data="451 try later")
    with mail_server(inbox) as port:
        where: dict[str, Any] = {"host": HOST, "port": port, "tls": "none"}
        for pause in PAUSES:
            assert send(flow, **where) == MailRun(later=1)
            flow.now += pause - timedelta(seconds=1)
            assert send(flow, **where) == MailRun()
            flow.now += timedelta(seconds=1)
        assert send(flow, **where) == MailRun(dead=1)
    [row] = mails(flow)
    assert (row.state, row.error) == (MailState.DEAD, "smtp.later")


@pytest.mark.enable_socket
def test_a_server_that_is_away_costs_no_mail_a_try(flow: Flow) -> None:
    put(flow)
    with mail_server(Inbox()) as port:
        pass
    for _ in range(20):
        run = send(flow, host=HOST, port=port, tls="none")
        assert run == MailRun(trouble="smtp.unreachable")
    assert mails(flow)[0].tries == 0


@pytest.mark.enable_socket
@pytest.mark.parametrize("how", ["goes", "says 421"])
def test_n13_a_mail_that_a_server_hangs_up_on_keeps_no_other_waiting(
    flow: Flow, how: str
) -> None:
    """It counts a try, waits behind the others, and staff see it in the end."""
    put(flow, words={"months": 6, "date": "poison"})
    put(flow)
    inbox = Inbox(hangs_up_on="poison", is_polite=how != "goes")
    with mail_server(inbox) as port:
        where: dict[str, Any] = {"host": HOST, "port": port, "tls": "none"}
        assert send(flow, **where) == MailRun(sent=1, later=1)
        for pause in PAUSES[:-1]:
            flow.now += pause
            assert send(flow, **where) == MailRun(later=1)
        flow.now += PAUSES[-1]
        put(flow)
        assert send(flow, **where) == MailRun(sent=1, dead=1)
    assert (len(inbox.mails), inbox.hang_ups) == (2, len(PAUSES) + 1)
    [line] = flow.do("mail.list").mails
    expected = "smtp.broken" if how == "goes" else "smtp.later"
    assert (line.error, line.tries) == (expected, len(PAUSES) + 1)


@pytest.mark.enable_socket
def test_a_server_that_hangs_up_on_every_mail_is_left_alone_for_now(
    flow: Flow,
) -> None:
    """After three in a row; the others have not counted a try."""
    for _ in range(5):
        put(flow)
    inbox = Inbox(hangs_up_on="ends on")
    with mail_server(inbox) as port:
        run = send(flow, host=HOST, port=port, tls="none")
    assert run == MailRun(later=3, trouble="smtp.broken")
    assert [each.tries for each in mails(flow)] == [1, 1, 1, 0, 0]


@pytest.mark.enable_socket
def test_r1_a_sender_that_dies_after_sending_sends_the_same_mail_again(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once; the second copy is known by its Message-ID."""
    put(flow)
    inbox = Inbox()

    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    with mail_server(inbox) as port:
        where: dict[str, Any] = {"host": HOST, "port": port, "tls": "none"}
        with monkeypatch.context() as patched:
            patched.setattr(mail_sending, "_settle", die)
            with pytest.raises(Died):
                send(flow, **where)
        assert send(flow, **where) == MailRun()  # another may still be at it
        flow.now += CLAIM
        assert send(flow, **where) == MailRun(sent=1)
    first, second = (each["Message-ID"] for each in inbox.mails)
    assert first == second


def test_two_senders_never_take_the_same_mail(flow: Flow) -> None:
    """What one has claimed the other leaves alone."""
    put(flow)
    store = flow.office.store
    assert mail_sending._claim(store, flow.now) is not None
    assert mail_sending._claim(store, flow.now) is None


def test_a_code_that_has_ended_is_not_sent_any_more(flow: Flow) -> None:
    ends = flow.now + timedelta(minutes=10)
    words = {"code": "123456", "minutes": 10}
    put(flow, "sign_in_code", words=words, ends_at=ends)
    flow.now = ends
    assert send(flow) == MailRun(dropped=1)
    [row] = mails(flow)
    assert (row.recipient, row.words) == (None, "{}")
    assert files(flow) == []


def test_a_mail_is_not_sent_before_its_moment_and_the_oldest_goes_first(
    flow: Flow,
) -> None:
    later = flow.now + timedelta(minutes=1)
    put(flow, words={"months": 3, "date": "second"})
    flow.now = later
    put(flow, words={"months": 3, "date": "third"})
    flow.now = NOW - timedelta(minutes=1)
    assert send(flow) == MailRun()
    flow.now = later
    assert send(flow) == MailRun(sent=2)


# The command


@pytest.mark.enable_socket
def test_the_command_delivers_what_waits_and_ends(
    flow: Flow, capsys: pytest.CaptureFixture[str]
) -> None:
    store, folder = flow.office.store, flow.office.office.installation.folder
    flow.now = datetime(2026, 1, 1, tzinfo=UTC)  # commands read the clock
    put(flow)
    url = store.engine.url.render_as_string(hide_password=False)
    (folder / "office.toml").write_text(f"database = {json.dumps(url)}\n")
    assert main(["mail", "send", "--once", "--home", str(folder)]) == 0
    assert capsys.readouterr().out == "1 sent\n"
    assert len(files(flow)) == 1
    (folder / "office.toml").write_text(
        f'database = {json.dumps(url)}\n[mail]\nhost = "127.0.0.1"\nport = 1\n'
    )
    again = ["mail", "send", "--once", "--json", "--home", str(folder)]
    assert main(again) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["trouble"] == "smtp.unreachable"
