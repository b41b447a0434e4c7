"""Questions and answers between economies, whoever carries them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import verifier
from issuer.errors import Conflict, Invalid, NotFound, ServiceKeyMissing
from issuer.intake import sheet
from issuer.office import Office
from issuer.passport_register.asking import Asked, Asker
from issuer.passport_register.carrying import (
    MAX_BODY,
    Brought,
    Carrier,
    Deadline,
    UnreachableError,
)
from issuer.passport_register.lines import Lines
from issuer.passport_register.listed import KIND, answered, row_of
from issuer.passport_register.service import (
    ABOUT_QUESTION,
    MAX_QUESTION,
    PassportService,
    about_answer,
    padded_answer,
    padded_question,
)
from issuer.services.identity import ServiceIdentity, renew
from issuer.services.trust import trust_of
from issuer.store import AuditRow, PassportSide
from tests.databases import Prepared
from tests.issuer.back_office import BackOffice
from tests.issuer.office.publishing import Publishing
from tests.issuer.passports.scene import (
    CONTACT,
    ENDS,
    WHOLE,
    do,
    hits,
    register,
    settings,
    with_settings,
    write,
)
from tests.simulator import NOW
from verifier import NoAnswer, PassportAnswer, PassportQuestion
from verifier import PassportStatus as Status

MINUTE = timedelta(minutes=1)
JPN_URL = "https://abtc.example/JPN"


@dataclass(slots=True)
class Post(Carrier):
    """Carries to a service in this process; ``lie`` is what a dishonest one does."""

    service: PassportService = field(kw_only=True)
    now: datetime = NOW
    lie: Callable[[str, str], str | None] = lambda owner, answer: answer
    carried: list[tuple[str, str]] = field(default_factory=list)

    def get(self, url: str, *, until: Deadline) -> Brought:
        owner = url.split("/")[-2]
        return brought(
            lambda: {"delegation": self.service.delegation(owner, now=self.now)}
        )

    def post(
        self,
        url: str,
        body: bytes,
        *,
        until: Deadline,
        headers: Mapping[str, str] = MappingProxyType({}),
        most: int = MAX_BODY,
    ) -> Brought:
        owner, question = url.split("/")[-2], json.loads(body)["question"]
        self.carried.append((owner, question))
        found = brought(
            lambda: {"answer": self.service.answer(owner, question, now=self.now)}
        )
        answer = self.lie(owner, found.member("answer") or "")
        if answer is None:
            raise UnreachableError("kept back")
        return (
            found
            if not answer
            else Brought(200, json.dumps({"answer": answer}).encode())
        )


def brought(work: Callable[[], Mapping[str, Any]]) -> Brought:
    try:
        return Brought(200, json.dumps(work()).encode())
    except Invalid:
        return Brought(400, b"{}")
    except (Conflict, NotFound):
        return Brought(409, b"{}")


@dataclass(frozen=True, slots=True)
class Scene:
    """SGP keeps a register; an officer of JPN asks, through somebody."""

    owner: Office
    asker: Office
    back_office: BackOffice
    post: Post

    def ask_all(self, *passports: PassportQuestion, **more: Any) -> Asked:
        fields: dict[str, Any] = {"asked_from": "device 7", "now": NOW} | more
        return Asker(self.asker).ask("JPN", passports, **fields)

    def ask(self, question: PassportQuestion = WHOLE, **more: Any) -> PassportAnswer:
        (found,) = self.ask_all(question, **more).found
        return found

    def status(self, question: PassportQuestion = WHOLE, **more: Any) -> Status:
        return self.ask(question, **more).status

    def statuses(self, *passports: PassportQuestion) -> list[Status]:
        return [each.status for each in self.ask_all(*passports).found]

    def identity(self, economy: str) -> ServiceIdentity:
        return ServiceIdentity.of(self.owner, economy, NOW)

    def url(self, economy: str) -> str:
        return self.identity(economy).issuer_url

    def question(
        self,
        *passports: PassportQuestion,
        by: str = "JPN",
        to: str = "SGP",
        at: datetime = NOW,
    ) -> str:
        claims = verifier.passport_question_claims(passports or [WHOLE])
        return self.identity(by).sign(
            verifier.PassportMessage.QUESTION, self.url(to), claims, at
        )

    def sealed(
        self,
        text: str,
        *,
        to: str = "SGP",
        about: str = ABOUT_QUESTION,
        count: int = 1,
    ) -> str:
        keys = verifier.read_service_keys(
            self.identity(to).delegation, trust=self.trust, now=NOW
        )
        return keys.seal(padded_question(text, count), about=about)

    @property
    def trust(self) -> verifier.Trust:
        return trust_of(self.owner.installation)

    def answered(self, economy: str, status: object, question: str, **more: Any) -> str:
        """An answer that an economy signs by itself, for JPN."""
        claims = {
            "question": verifier.passport_question_digest(question),
            "answers": [status],
        }
        return self.identity(economy).sign(
            verifier.PassportMessage.ANSWER, self.url("JPN"), claims | more, NOW
        )


@pytest.fixture
def scene(prepared_small: Prepared) -> Scene:
    publishing = Publishing.at(prepared_small)
    owner = with_settings(
        publishing.back_office.office, passports=settings(SGP={}, NZL={})
    )
    register(publishing.back_office)
    post = Post(service=PassportService(owner))
    asker = Office(
        installation=owner.installation,
        store=owner.store,
        signers=owner.signers,
        passport_lines=Lines(carrier=post),
    )
    with_settings(asker, passports={}, passport_checks={"broker": "https://b.example"})
    return Scene(owner, asker, publishing.back_office, post)


def test_a_good_passport_is_valid_by_its_owners_word(scene: Scene) -> None:
    """Signed, dated, under a reference; and nothing of the record."""
    asked = scene.ask_all(WHOLE)
    (found,), (exchange,) = asked.found, asked.exchanges
    assert (found.status, found.owner) == (Status.VALID, "SGP")
    assert found.answered_at == NOW.replace(microsecond=0)
    assert found.contact is None
    message = verifier.read_service_message(
        str(exchange.answer),
        typ=verifier.PassportMessage.ANSWER,
        audience=scene.url("JPN"),
        trust=scene.trust,
        now=NOW,
    )
    assert set(message.claims) == {
        "iss", "aud", "iat", "exp", "jti", "question", "answers",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (PassportQuestion(country="SGP", number="E7654321K"), Status.NOT_RECOGNISED),
        (
            PassportQuestion(country="SGP", number="E1234567K", birthdate="840813"),
            Status.DATA_MISMATCH,
        ),
        (PassportQuestion(country="NZL", number="E1234567K"), Status.NOT_RECOGNISED),
        (PassportQuestion(country="DEU", number="C01X00T47"), Status.NO_ANSWER),
        (PassportQuestion(country="JPN", number="TR1234567"), Status.NO_ANSWER),
    ],
)
def test_each_is_answered_by_its_own_owner(
    scene: Scene, question: PassportQuestion, expected: Status
) -> None:
    """Who has not joined, or is no economy, gives no answer."""
    assert scene.status(question) == expected


@pytest.mark.parametrize("state", ["lost", "stolen", "invalid"])
def test_a_hit_is_in_both_queues_under_one_reference(scene: Scene, state: str) -> None:
    """With whom to call, and without the number where it is not ours."""
    register(scene.back_office, state=state)
    found = scene.ask()
    assert (found.status, found.contact) == (Status(state.upper()), CONTACT)
    at_owner = do(scene.back_office.desk("SGP"), "passport.hits").hits
    at_asker = do(scene.back_office.desk("JPN"), "passport.hits").hits
    assert [each.reference for each in (*at_owner, *at_asker)] == [found.reference] * 2
    (mine,), (theirs,) = at_owner, at_asker
    assert (mine.side, mine.other, mine.number) == ("owner", "JPN", "E1234567K")
    assert (theirs.side, theirs.other, theirs.number) == ("asker", "SGP", None)
    assert (theirs.contact, theirs.asked_from) == (CONTACT, "device 7")
    done = do(
        scene.back_office.desk("JPN"), "passport.close_hit",
        hit=theirs.hit, outcome="Handed to the embassy.",
    )  # fmt: skip
    assert done.closed_at == NOW
    assert not do(scene.back_office.desk("JPN"), "passport.hits").hits
    assert do(scene.back_office.desk("SGP"), "passport.hits").hits
    with pytest.raises(Conflict, match="closed"):
        do(
            scene.back_office.desk("JPN"), "passport.close_hit",
            hit=theirs.hit, outcome="again",
        )  # fmt: skip
    shown = do(scene.back_office.desk("JPN"), "passport.hits", include_closed=True)
    assert shown.hits[0].outcome == "Handed to the embassy."


def test_n15_nothing_but_counts_and_hits_is_kept(scene: Scene) -> None:
    """Who asked about whom is nowhere: neither in tables nor in the audit log."""
    for number in ("E1234567K", "E7654321K", "E7654321K"):
        scene.ask(PassportQuestion(country="SGP", number=number))
    told = [(Status.NOT_RECOGNISED, 2), (Status.VALID, 1)]
    for office, economy, side, other in (
        (scene.owner, "SGP", "owner", "JPN"),
        (scene.asker, "JPN", "asker", "SGP"),
    ):
        desk = BackOffice(office=office).desk(economy)
        found = do(desk, "passport.figures", since=NOW.date(), until=NOW.date()).figures
        assert [(each.status, each.count) for each in found] == told
        assert {(each.side, each.other) for each in found} == {(side, other)}
        later = NOW.date() + timedelta(days=1)
        assert not do(desk, "passport.figures", since=later).figures
    assert not hits(scene.owner.store)
    with scene.owner.store.engine.connect() as connection:
        tables = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).scalars()
        for table in list(tables):
            rows = connection.exec_driver_sql(f'SELECT * FROM "{table}"').all()  # noqa: S608
            assert not any("E7654321K" in str(row) for row in rows), table


# Whoever carries


def test_n12_a_broker_sees_neither_passport_nor_answer(scene: Scene) -> None:
    """And all answers are of one length."""
    lengths: list[int] = []

    def measure(_: str, answer: str) -> str:
        lengths.append(len(answer))
        return answer

    scene.post.lie = measure
    for state in ("valid", "lost", "stolen"):
        register(scene.back_office, state=state)
        assert scene.status() is Status(state.upper())
    assert len(lengths) == 3
    assert len(set(lengths)) == 1
    assert scene.post.carried
    for _, sealed in scene.post.carried:
        assert "E1234567K" not in sealed


def test_n12_a_broker_that_lies_is_noticed(scene: Scene) -> None:
    """What it keeps back, changes, swaps or makes up is never VALID."""
    register(scene.back_office, state="stolen")
    valid: list[str] = []

    def overhear(_: str, answer: str) -> str:
        valid.append(answer)
        return answer

    register(scene.back_office, number="E0000001K")
    scene.post.lie = overhear
    other = PassportQuestion(country="SGP", number="E0000001K")
    assert scene.status(other) is Status.VALID
    key_id, _, rest = valid[0].rpartition(".")
    for lie in (
        lambda _, answer: None,
        lambda _, answer: valid[0],
        lambda _, answer: f"{answer[:-8]}AAAAAAAA",
        lambda _, answer: "VALID",
        lambda _, answer: f"{key_id}.",
        lambda _, answer: rest,
    ):
        scene.post.lie = lie
        asked = scene.ask()
        assert asked.status is Status.NO_ANSWER
        assert asked.no_answer is NoAnswer.SILENCE
    scene.post.lie = lambda _, answer: answer
    assert scene.status() is Status.STOLEN


def test_n12_no_economy_answers_for_another(scene: Scene) -> None:
    """Also where it signs rightly, about the very question, sealed for the asker."""
    scene.ask()
    asker_keys = verifier.read_service_keys(
        scene.identity("JPN").delegation, trust=scene.trust, now=NOW
    )

    def forged(economy: str, status: str, **more: Any) -> Callable[[str, str], str]:
        def lie(_: str, answer: str) -> str:
            sealed = scene.post.carried[-1][1]
            text = scene.identity("SGP").open(sealed, about=ABOUT_QUESTION)
            question = text.decode().strip()
            signed = scene.answered(economy, status, question, **more)
            return asker_keys.seal(
                padded_answer(signed, 1), about=about_answer(question)
            )

        return lie

    scene.post.lie = forged("NZL", "VALID")
    found = scene.ask()
    assert (found.status, found.no_answer) == (
        Status.NO_ANSWER, NoAnswer.OTHER_QUESTION,
    )  # fmt: skip
    for words in ("FINE", "valid", ""):
        scene.post.lie = forged("SGP", words)
        assert scene.ask().no_answer is NoAnswer.UNKNOWN_WORD
    scene.post.lie = forged("SGP", "NO_ANSWER")
    assert scene.ask().no_answer is NoAnswer.SAID
    scene.post.lie = forged("SGP", "LOST", contact="line\nbreak")
    found = scene.ask()
    assert (found.status, found.contact) == (Status.LOST, None)
    scene.post.lie = forged("SGP", "VALID", contact="call me")
    assert scene.ask().contact is None


def test_n12_keys_of_another_economy_are_not_sealed_for(scene: Scene) -> None:
    """A broker that hands out an accomplice's keys gets no question at all."""
    service = scene.post.service

    class Swapped(PassportService):
        def delegation(self, economy: str, *, now: datetime) -> str:
            del economy
            return service.delegation("NZL", now=now)

    scene.post.service = Swapped(scene.owner)
    assert scene.status() is Status.NO_ANSWER
    assert not scene.post.carried


# What an owner takes


def test_n11_what_is_not_signed_for_us_just_now_gets_no_answer(scene: Scene) -> None:
    """Expired, misaddressed, of another kind: refused before the register is asked."""
    service = PassportService(scene.owner)
    good = scene.question()
    assert service.answer("SGP", scene.sealed(good), now=NOW)
    claims = verifier.passport_question_claims([WHOLE])
    other_kind = scene.identity("JPN").sign(
        "abtc-client+jwt", scene.url("SGP"), claims, NOW
    )
    refused = {
        "message.expired": scene.question(at=NOW - 6 * MINUTE),
        "message.not_yet": scene.question(at=NOW + 3 * MINUTE),
        "message.misaddressed": scene.question(to="NZL"),
        "message.type": other_kind,
        "message.malformed": "rubbish",
        "message.signature": f"{good[:-6]}AAAAAA",
    }
    for code, text in refused.items():
        with pytest.raises(Conflict) as error:
            service.answer("SGP", scene.sealed(text), now=NOW)
        assert (error.value.code, error.value.detail) == (
            "passports.not_believed", code,
        )  # fmt: skip


def test_n11_what_is_not_sealed_for_us_is_not_opened(scene: Scene) -> None:
    """For another economy, for another purpose, or in the clear."""
    service, text = PassportService(scene.owner), scene.question()
    for sealed in (
        scene.sealed(text, to="NZL"),
        scene.sealed(text, about="something else"),
        text,
        "",
        "a.b",
        "x" * 120_000,
    ):
        with pytest.raises(Invalid):
            service.answer("SGP", sealed, now=NOW)
    one = WHOLE.members()
    for passports in ([{"number": "X"}], [one, 7], [], one, [one] * 501):
        no_question = scene.identity("JPN").sign(
            verifier.PassportMessage.QUESTION,
            scene.url("SGP"),
            {"passports": passports},
            NOW,
        )
        with pytest.raises(Invalid, match="no question"):
            service.answer("SGP", scene.sealed(no_question, count=501), now=NOW)


def test_n11_a_question_repeated_is_one_hit_and_teaches_nothing(scene: Scene) -> None:
    """The answer is sealed for who asked; whoever repeats it cannot open it."""
    register(scene.back_office, state="lost")
    service, text = PassportService(scene.owner), scene.question()
    sealed = scene.sealed(text)
    for _ in range(3):
        answer = service.answer("SGP", sealed, now=NOW)
        with pytest.raises(Invalid):
            scene.identity("NZL").open(answer, about=about_answer(text))
    assert len(hits(scene.owner.store)) == 1


def test_an_owner_is_asked_about_its_own_passports_only(scene: Scene) -> None:
    """Another code is no answer, signed like any other: a broker sees no difference."""
    asker = with_settings(
        scene.asker,
        passport_checks={"broker": "https://b.example", "owners": {"XAA": "SGP"}},
    )
    assert asker.installation.passport_checks.owners == {"XAA": "SGP"}
    question = PassportQuestion(country="XAA", number="E1234567K")
    found = scene.ask(question)
    assert (found.status, found.no_answer) == (Status.NO_ANSWER, NoAnswer.SAID)
    with_settings(scene.owner, passports=settings(SGP={"countries": ("SGP", "XAA")}))
    assert scene.status(question) is Status.NOT_RECOGNISED


def test_nobody_asks_without_end(scene: Scene) -> None:
    """Whoever tries numbers is stopped, and the others are not."""
    with_settings(scene.owner, passports=settings(SGP={"per_asker": 3}))
    service = PassportService(scene.owner)
    for _ in range(3):
        service.answer("SGP", scene.sealed(scene.question()), now=NOW)
    with pytest.raises(Conflict, match="too_many"):
        service.answer("SGP", scene.sealed(scene.question()), now=NOW)
    assert service.answer("SGP", scene.sealed(scene.question(by="NZL")), now=NOW)
    later = NOW + MINUTE
    assert service.answer("SGP", scene.sealed(scene.question(at=later)), now=later)


def test_joining_is_optional(scene: Scene) -> None:
    """Who has no register is not there, also for questions to it by name."""
    service = PassportService(scene.owner)
    with pytest.raises(NotFound):
        service.delegation("JPN", now=NOW)
    for economy in ("JPN", "ZZZ"):
        with pytest.raises(NotFound):
            service.answer(economy, "x.y", now=NOW)


def test_new_keys_are_fetched_when_the_old_ones_open_nothing(scene: Scene) -> None:
    """An owner that has lost its keys and made others is asked anew, once."""
    assert scene.status() is Status.VALID
    (scene.owner.installation.path("keys") / "SGP/service.json").unlink()
    renew(scene.owner, "SGP", NOW)
    assert scene.status() is Status.VALID
    assert len(scene.post.carried) == 3
    assert scene.status(now=NOW + 2 * 60 * MINUTE) is Status.NO_ANSWER


def test_who_cannot_sign_is_told(scene: Scene) -> None:
    """Nothing pretends that nobody answered where we never asked."""
    (scene.owner.installation.path("keys") / "JPN/service.json").unlink()
    with pytest.raises(ServiceKeyMissing):
        scene.ask()


def test_an_owner_that_is_hosted_here_is_asked_without_a_network(scene: Scene) -> None:
    """By the same question and the same answer."""
    scene.asker.installation = scene.owner.installation
    assert scene.status() is Status.VALID
    assert not scene.post.carried


# Many at once


def numbered(count: int, country: str = "SGP") -> list[PassportQuestion]:
    return [
        PassportQuestion(country=country, number=f"E{number:07}K")
        for number in range(count)
    ]


def test_each_owner_is_asked_once_about_all_of_its_passports(scene: Scene) -> None:
    """The answers are in the order of the passports, whoever issued them."""
    register(scene.back_office, number="E0000001K", state="stolen")
    register(scene.back_office, "NZL", "LA123456")
    register(scene.back_office, number="E0000002K")
    one, two, three = numbered(3)
    other = PassportQuestion(country="NZL", number="LA123456")
    nobody = PassportQuestion(country="DEU", number="C01X00T47")
    asked = (two, other, nobody, one, three, two)
    assert scene.statuses(*asked) == [
        Status.STOLEN, Status.VALID, Status.NO_ANSWER, Status.NOT_RECOGNISED,
        Status.VALID, Status.STOLEN,
    ]  # fmt: skip
    assert sorted(owner for owner, _ in scene.post.carried) == ["NZL", "SGP"]


def test_a_hit_among_many_is_in_both_queues_with_whom_to_call(scene: Scene) -> None:
    """Each under a reference of its own, the same at both ends; the rest are counts."""
    for number in (1, 3):
        register(scene.back_office, number=f"E{number:07}K", state="lost")
    found = scene.ask_all(*numbered(5)).found
    lost = [found[1], found[3]]
    assert [(each.status, each.contact) for each in lost] == [
        (Status.LOST, CONTACT)
    ] * 2
    at_owner = do(scene.back_office.desk("SGP"), "passport.hits").hits
    at_asker = do(scene.back_office.desk("JPN"), "passport.hits").hits
    for hits_there in (at_owner, at_asker):
        references = {each.reference for each in hits_there}
        assert references == {each.reference for each in lost}
        assert len(hits_there) == 2
    by_reference = {each.reference: each.number for each in at_owner}
    assert by_reference[lost[1].reference] == "E0000003K"
    desk = BackOffice(office=scene.asker).desk("JPN")
    told = do(desk, "passport.figures").figures
    assert [(each.status, each.count) for each in told] == [
        (Status.LOST, 2), (Status.NOT_RECOGNISED, 3),
    ]  # fmt: skip


def test_n12_one_owner_that_is_silent_costs_the_others_nothing(scene: Scene) -> None:
    """Its own passports have no answer, and theirs do."""
    register(scene.back_office)
    scene.post.lie = lambda owner, answer: None if owner == "NZL" else answer
    found = scene.ask_all(*numbered(3, "NZL"), WHOLE).found
    assert [each.status for each in found] == [Status.NO_ANSWER] * 3 + [Status.VALID]


def test_n12_the_size_tells_few_or_many_and_nothing_else(scene: Scene) -> None:
    """Neither how many, nor what was answered; the longest there can be fits in."""
    sizes: list[int] = []

    def measure(_: str, answer: str) -> str:
        sizes.append(len(answer))
        return answer

    scene.post.lie = measure
    asked = [
        PassportQuestion(
            country="SGP", number=f"{each:022}", birthdate="840812", expires_on=ENDS
        )
        for each in range(500)
    ]
    register(scene.back_office, number="0" * 22, state="stolen")
    for few in (1, 2, 10):
        scene.ask_all(*asked[-few:])
    scene.ask_all(*asked[:10])
    for many in (11, 500):
        scene.ask_all(*asked[-many:])
    scene.ask_all(*asked)
    questions = [len(sealed) for _, sealed in scene.post.carried]
    assert len({*questions[:4]}) == len({*questions[4:]}) == 1
    assert len({*sizes[:4]}) == len({*sizes[4:]}) == 1
    assert max(questions) <= MAX_QUESTION
    assert max(sizes) < MAX_BODY


def test_more_than_a_flight_goes_in_several_questions(scene: Scene) -> None:
    """In order, whoever asks: 500 are the most of one question."""
    register(scene.back_office, number="E0000500K")
    found = scene.statuses(*numbered(501))
    assert found == [Status.NOT_RECOGNISED] * 500 + [Status.VALID]
    assert len(scene.post.carried) == 2


def test_nobody_asks_without_end_by_asking_about_many(scene: Scene) -> None:
    """Passports count, and not messages; what is refused may be asked in part."""
    with_settings(scene.owner, passports=settings(SGP={"per_asker": 12}))
    service = PassportService(scene.owner)

    def ask(count: int) -> str:
        text = scene.question(*numbered(count))
        return service.answer("SGP", scene.sealed(text, count=count), now=NOW)

    with pytest.raises(Conflict, match="too_many"):
        ask(13)
    assert ask(11)
    with pytest.raises(Conflict, match="too_many"):
        ask(2)
    assert ask(1)


def test_an_owner_is_asked_about_its_own_among_many(scene: Scene) -> None:
    """A passport of another code among them is no answer, and harms no other."""
    with_settings(
        scene.asker,
        passport_checks={"broker": "https://b.example", "owners": {"XAA": "SGP"}},
    )
    foreign = PassportQuestion(country="XAA", number="E1234567K")
    assert scene.statuses(WHOLE, foreign, WHOLE) == [
        Status.VALID, Status.NO_ANSWER, Status.VALID,
    ]  # fmt: skip
    assert len(scene.post.carried) == 1


# Officers


def test_an_officer_asks_about_a_list(scene: Scene) -> None:
    """Of each owner, how many and how many hits is logged; about which is not."""
    register(scene.back_office, state="stolen")
    desk = BackOffice(office=scene.asker).desk("JPN")
    rows = [
        {"country": "SGP", "number": "E1234567K"},
        {"country": "DEU", "number": "X1"},
        {"country": "SGP", "number": "E7654321K"},
    ]
    found = do(desk, "passport.check_list", passports=rows).answers
    assert [each.status for each in found] == [
        Status.STOLEN, Status.NO_ANSWER, Status.NOT_RECOGNISED,
    ]  # fmt: skip
    logged = scene.asker.store.read(
        lambda session: [
            json.loads(each.fields)
            for each in session.query(AuditRow).filter_by(tag="passport:list_asked")
        ]
    )
    assert logged == [
        {"owner": "DEU", "count": 1, "hits": 0},
        {"owner": "SGP", "count": 2, "hits": 1},
    ]
    rows[1]["birthdate"] = "not a day"
    with pytest.raises(Invalid, match="birthdate"):
        do(desk, "passport.check_list", passports=rows)
    for count in (0, 501):
        with pytest.raises(Invalid, match="passports"):
            do(desk, "passport.check_list", passports=rows[:1] * count)


def test_an_officer_asks_at_the_back_office(scene: Scene) -> None:
    """That somebody asked is logged; about which passport is not."""
    register(scene.back_office, state="stolen")
    desk = BackOffice(office=scene.asker).desk("JPN")
    fields = {"country": "SGP", "number": "E1234567K", "birthdate": "1984-08-12"}
    found = do(desk, "passport.check", **fields)
    assert (found.status, found.contact) == (Status.STOLEN, CONTACT)
    assert do(desk, "passport.check", country="DEU", number="X1").no_answer is (
        NoAnswer.NOT_JOINED
    )
    (mine,) = [
        each for each in hits(scene.owner.store) if each.side == PassportSide.ASKER
    ]
    assert mine.asked_from == "account ann-jpn"


def test_a_sheet_is_asked_about_in_its_order(scene: Scene, tmp_path: Path) -> None:
    """Line by line, also where a passport is in it twice."""
    register(scene.back_office, number="E0000001K", state="lost")
    desk = BackOffice(office=scene.asker).desk("JPN")
    numbers = [f"SGP,E{each % 501:07}K" for each in range(502)]
    path = write(tmp_path / "list.csv", *numbers, header="country,number")
    report = sheet.check(path, KIND)
    clock = iter([NOW, NOW + MINUTE])
    found = list(answered(desk, path, report, clock=lambda: next(clock)))
    assert [line for line, _, _ in found] == list(range(2, 504))
    hits_found = [line for line, _, told in found if told.status is Status.LOST]
    assert hits_found == [3]
    assert found[-1][1].number == "E0000000K"
    assert row_of(*found[1])[:5] == ("3", "SGP", "E0000001K", "LOST", "SGP")
    assert row_of(*found[1])[7:] == (CONTACT, "")
    assert len(scene.post.carried) == 2


def test_a_sheet_with_a_fault_is_named_by_line(tmp_path: Path) -> None:
    """Code, number and days, each by its column; nobody was asked."""
    rows = ("sgp,E1,,", "SGP,e 1,,", "SGP,E1,840812,", "SGP,E1,,2031-02-30", "SGP,,,")
    header = "country,number,birthdate,expires_on"
    report = sheet.check(write(tmp_path / "list.csv", *rows, header=header), KIND)
    assert [(each.line, each.problem.field) for each in report.problems] == [
        (2, "country"), (3, "number"), (4, "birthdate"), (5, "expires_on"),
        (6, "number"),
    ]  # fmt: skip
