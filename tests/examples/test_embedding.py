"""What a device vendor's program says, for every outcome, from a store on the disk."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

import verifier
from examples import airline_desk, egate, embedding, handheld_loop
from examples.stage import Holder, Table
from issuer.issuance import Credential
from issuer.lists import Overlay, Status
from issuer.plastic import qr_image
from tests.examples.desk_scene import passport
from wallet_api.holder import Phone

ROOT = Path(embedding.__file__).parents[1]
NOW = datetime(2030, 1, 15, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PASSPORT, OTHER = passport(), passport("PA7654321")
JANE = Holder(
    issuer="AUS",
    family_name="CITIZEN",
    given_name="JANE MARY",
    birthdate=date(1980, 2, 29),
    sex="F",
    nationality="AUS",
    passport_country="AUS",
    passport_number="PA1234567",
    passport_expires_on=date(2034, 7, 1),
    economies=("SGP",),
)
SINGAPORE = ("--economy", "SGP", "--zone", "Asia/Singapore")
OPEN, CLOSED = "GATE open", "GATE closed"
YES = "ABTC gives an entry basis for Singapore for this passport."
NO = "ABTC does not give an entry basis for Singapore: check visa as usual."
NO_ANSWER = "No answer: use the normal document check."
SENTENCES = {YES, NO, NO_ANSWER}


@dataclass(slots=True)
class Border:
    """Two economies' repository, Jane's phone, and a device of Singapore."""

    folder: Path
    said: Callable[[], str]
    """What a program has printed."""
    now: datetime = NOW
    table: Table = field(init=False)
    phone: Phone = field(init=False, default_factory=Phone)
    card: Credential = field(init=False)

    def __post_init__(self) -> None:
        day_before = self.now - DAY
        self.table = Table(self.folder, ["AUS", "KOR", "SGP"], day_before)
        self.card = self.table.issue(JANE, "app", self.phone, at=day_before)
        self.table.open_repository(self.now - HOUR)
        self.table.publish(self.now - HOUR)
        self.sync()

    @property
    def store(self) -> Path:
        return self.folder / "device"

    def sync(self) -> None:
        """Bring the device what is published."""
        root = (self.table.public / "metadata/1.root.json").read_bytes()
        store, stick = verifier.TrustStore(self.store), self.table.bundle("SGP")
        store.sync(stick, root=root, now=self.now, economy="SGP")

    def publish(self) -> None:
        """Publish what has changed, and bring it to the device."""
        self.table.publish(self.now)
        self.sync()

    def code(self, seconds: int = 0) -> str:
        """What the phone shows; a later one is another code."""
        return self.phone.show(self.now + timedelta(seconds=seconds))

    def clock(self, zone: ZoneInfo) -> datetime:
        return self.now.astimezone(zone)

    def handheld(self, *lines: str, camera: bool = False) -> str:
        options = ["--store", str(self.store), *SINGAPORE, *["--camera"][:camera]]
        assert handheld_loop.main(options, _stream(*lines), self.clock) == 0
        return self.said()

    def gate(
        self, code: str, mrz: str = PASSPORT, face: str = "same"
    ) -> tuple[str, str, str]:
        """What moves, what the traveller reads, and what the officer reads."""
        line = "\t".join((mrz.replace("\n", ""), face, code))
        return self.gate_reads(line)

    def gate_reads(self, *lines: str) -> tuple[str, str, str]:
        options = ["--store", str(self.store), *SINGAPORE]
        assert egate.main(options, _stream(*lines), self.clock) == 0
        gate, traveller, officer = self.said().split("\n", 2)
        return gate, traveller, officer

    def airline(self, *lines: str, on: date | None = None) -> str:
        """The whole of what an agent reads; its first line is one of three."""
        day = on or self.now.date()
        options = ["--store", str(self.store), *SINGAPORE, "--name", "Singapore"]
        stream = _stream(*lines)
        assert airline_desk.main([*options, "--on", f"{day}"], stream, self.clock) == 0
        text = self.said()
        first, *others = text.splitlines()
        assert first in SENTENCES
        assert not SENTENCES & {*others}
        return text


def _stream(*lines: str) -> io.StringIO:
    return io.StringIO("".join(f"{line}\n" for line in lines))


@pytest.fixture
def border(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Border:
    return Border(tmp_path, lambda: capsys.readouterr().out)


# A handheld


def test_a_handheld_says_what_to_compare_and_until_when(border: Border) -> None:
    """Both answers, the last day, the holder to compare, and the age of the data."""
    text = border.handheld(*PASSPORT.splitlines(), border.code())
    assert text.splitlines() == [
        "  compare CITIZEN, JANE MARY, born 1980-02-29, passport AUS PA1234567",
        "  still to see: face",
        f"{embedding.GREEN}  entry.cleared",
        "  Your economy has cleared this holder. "
        "Admit for a business visit until the date shown.",
        "  lane yes, entry visa_free until 2030-03-15",
        "  data as of 2030-01-15 11:00 UTC (1 h old)",
    ]


def test_a_handheld_without_a_passport_asks_for_it(border: Border) -> None:
    """What was not read by the device is still to be seen by the officer."""
    assert "still to see: passport, face" in border.handheld(border.code())


def test_a_passport_counts_for_one_traveller(border: Border) -> None:
    """The one behind is not held to the passport of the one before."""
    text = border.handheld(*OTHER.splitlines(), border.code(), border.code(-10))
    first, second = text.split("  compare CITIZEN")
    assert first.startswith(f"{embedding.RED}  passport.mismatch")
    assert "still to see: passport, face" in second
    assert embedding.GREEN in second


def test_the_passport_read_last_counts(border: Border) -> None:
    """Whoever had the wrong passport read has the right one read."""
    both = (*OTHER.splitlines(), *PASSPORT.splitlines())
    (verdict,) = _verdicts(border.handheld(*both, border.code()))
    assert verdict.startswith(embedding.GREEN)


def test_a_passport_read_badly_gives_no_verdict(border: Border) -> None:
    """A wrong check digit never turns into an answer for no passport."""
    upper, lower = PASSPORT.splitlines()
    text = border.handheld(upper, lower.replace("PA1", "PA2"), border.code())
    assert text.startswith(f"{embedding.AMBER}\n  line 2")
    assert len(text.splitlines()) == 2


def test_each_outcome_has_its_look(border: Border) -> None:
    """Bad is red, another's code grey, old and repeated amber, lane only blue."""
    shown = border.code()
    text = border.handheld(shown, "https://example.org/menu", shown)
    first, foreign, again = _verdicts(text)
    assert first.startswith(embedding.GREEN)
    assert foreign == f"{embedding.GREY}  card.foreign"
    assert again == f"{embedding.AMBER}  proof.repeat"
    border.table.set_overlay("SGP", border.card, Overlay.WITHDRAWN)
    border.publish()
    (verdict,) = _verdicts(border.handheld(border.code()))
    assert verdict == f"{embedding.BLUE}  entry.withdrawn"
    border.table.set_status(border.card, Status.REVOKED)
    border.publish()
    (verdict,) = _verdicts(border.handheld(border.code()))
    assert verdict == f"{embedding.RED}  status.revoked"


def _verdicts(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("  ")]


def test_s_old_data_is_amber(border: Border) -> None:
    """Data past half of its time is told; past all of it, nothing is green or red."""
    border.now = NOW + 2 * DAY
    assert "(49 h old, past half of its time: update soon)" in border.handheld(
        border.code()
    )
    border.now = NOW + 4 * DAY
    assert border.handheld(border.code()).startswith(f"{embedding.AMBER}  status.stale")


def test_s_an_old_list_of_ones_own_is_amber(border: Border) -> None:
    """The card is good; whether it is an entry basis here cannot be told."""
    border.now = NOW + 3 * DAY
    other = border.table.issue(JANE, "app", Phone(), at=border.now)
    border.table.set_status(other, Status.REVOKED)
    border.publish()
    text = border.handheld(border.code())
    assert _verdicts(text) == [f"{embedding.AMBER}  entry.overlay_stale"]
    for days in (0, 2):
        day = border.now.date() + timedelta(days=days)
        assert border.airline(border.code(), on=day).startswith(NO_ANSWER)
    assert "lane yes, entry cannot_tell\n" in text


def test_t_a_clock_set_back_is_amber(border: Border) -> None:
    """The device knows the latest moment that it has seen."""
    border.now = NOW - 2 * DAY
    text = border.handheld(border.code())
    assert text.startswith(f"{embedding.AMBER}  time.clock")
    assert "(later than this device's clock)" in text


@pytest.mark.parametrize("is_empty", [True, False])
def test_o3_a_device_without_data_says_so(
    border: Border, tmp_path: Path, *, is_empty: bool
) -> None:
    """No verdict, and no end of the program: the next scan may come after an update."""
    border.store.rename(tmp_path / "away")
    if is_empty:
        border.store.mkdir()
    text = border.handheld(border.code(), border.code())
    assert [*_verdicts(text)] == [embedding.AMBER] * 2
    assert border.gate(border.code())[0] == CLOSED
    assert border.airline(border.code()).startswith(NO_ANSWER)


def test_q_a_handheld_reads_pictures(border: Border, tmp_path: Path) -> None:
    """One code in view is answered; of none or two nothing is said."""
    one = qr_image(border.code(), module_pixels=4).convert("L")
    other = qr_image(border.code(10), module_pixels=4).convert("L")
    two = Image.new("L", (one.width + other.width, max(one.height, other.height)), 255)
    two.paste(one, (0, 0))
    two.paste(other, (one.width, 0))
    for name, picture in {"one": one, "two": two}.items():
        picture.save(tmp_path / f"{name}.png")
    names = [str(tmp_path / f"{name}.png") for name in ("one", "two", "none")]
    text = border.handheld(*PASSPORT.splitlines(), *names, camera=True)
    verdicts = _verdicts(text)
    assert verdicts == [f"{embedding.GREEN}  entry.cleared", *[embedding.AMBER] * 2]
    assert "2 ABTC codes in view: show one" in text


def test_q_a_code_that_names_a_file_opens_none(border: Border, tmp_path: Path) -> None:
    """What a stranger shows is text, also where it looks like a path."""
    file = tmp_path / "one.png"
    qr_image(border.code(), module_pixels=4).save(file)
    assert _verdicts(border.handheld(str(file))) == [f"{embedding.GREY}  card.foreign"]


# A gate


def test_a_gate_opens_for_what_needs_no_person(border: Border) -> None:
    """Passport read, face found, lane open, visa-free: nothing is left to see."""
    gate, traveller, officer = border.gate(border.code())
    assert (gate, traveller) == (OPEN, "TRAVELLER Please go through.")
    assert f"OFFICER {embedding.GREEN}  entry.cleared" in officer


@pytest.mark.parametrize("face", ["differs", "", "SAME", "same "])
def test_a_gate_opens_for_no_other_face(border: Border, face: str) -> None:
    """Whatever the camera says but yes is no."""
    assert border.gate(border.code(), face=face)[0] == CLOSED


@pytest.mark.parametrize(
    "mrz",
    ["", OTHER, PASSPORT.replace("PA1", "PA2")],
    ids=["none", "another", "wrong digit"],
)
def test_k_a_gate_opens_for_no_other_passport(border: Border, mrz: str) -> None:
    """A gate has nobody who could look at a passport that it has not read."""
    gate, traveller, _ = border.gate(border.code(), mrz)
    assert (gate, traveller) == (CLOSED, "TRAVELLER Please see the officer.")


def test_a_gate_asks_for_the_lane_and_for_entry(border: Border) -> None:
    """They are two answers: the one never stands for the other."""
    good = _decided(border)
    right = good.entitlement
    lane = verifier.Lane(verifier.LaneAnswer.UNKNOWN, verifier.LaneReason.RULES_UNKNOWN)
    entry = verifier.Entry(
        verifier.EntryAnswer.CANNOT_TELL, verifier.EntryReason.STAY_UNKNOWN
    )
    assert egate.needs_no_person(good)
    for less in (replace(right, lane=lane), replace(right, entry=entry)):
        assert not egate.needs_no_person(replace(good, entitlement=less))


def _decided(border: Border) -> verifier.Accepted:
    decision = verifier.verify(
        border.code(),
        trust=verifier.TrustStore(border.store).load(),
        policy=verifier.Policy(economy="SGP"),
        expected_passport=verifier.Passport.from_mrz(PASSPORT),
        expected_challenge=None,
        now=border.now,
    )
    assert isinstance(decision, verifier.Accepted)
    return decision


def test_a_gate_stays_closed_for_plastic(border: Border) -> None:
    """The code of a plastic card can be photographed: somebody has to hold the card."""
    holder = replace(JANE, issuer="KOR")
    card = border.table.issue(holder, "physical", at=NOW - DAY)
    gate, _, officer = border.gate(verifier.pack(card.text))
    assert gate == CLOSED
    assert "still to see: plastic_card" in officer


@pytest.mark.parametrize(
    "line", ["", "\t\t", "same", "\t\t\t\t", f"{PASSPORT}\tsame", "\x00\ud800\t\u202e"]
)
def test_o_a_gate_survives_its_readers(border: Border, line: str) -> None:
    """Readers out of step, or broken, leave it closed; the next traveller goes on."""
    assert border.gate_reads(line or "-")[0] == CLOSED
    assert border.gate(border.code())[0] == OPEN


def test_k_a_gate_opens_once_for_one_code(border: Border) -> None:
    """Two people may show one code: the second sees the officer."""
    line = "\t".join((PASSPORT.replace("\n", ""), "same", border.code()))
    options = ["--store", str(border.store), *SINGAPORE]
    moments = iter([NOW, NOW + timedelta(seconds=6)])
    stream = _stream(line, line)
    egate.main(options, stream, lambda zone: next(moments).astimezone(zone))
    assert [x for x in border.said().splitlines() if "GATE" in x] == [OPEN, CLOSED]


def test_a_traveller_never_reads_why(border: Border) -> None:
    """A withdrawn clearance, a revoked card and old data look alike."""
    told = set()
    border.table.set_overlay("SGP", border.card, Overlay.WITHDRAWN)
    border.publish()
    told.add(border.gate(border.code())[:2])
    border.table.set_status(border.card, Status.REVOKED)
    border.publish()
    told.add(border.gate(border.code())[:2])
    border.now += 4 * DAY
    told.add(border.gate(border.code())[:2])
    told.add(border.gate("https://example.org")[:2])
    assert told == {(CLOSED, "TRAVELLER Please see the officer.")}


# An airline's desk


def test_an_airline_reads_that_the_card_is_an_entry_basis(border: Border) -> None:
    """The sentence, the stay, the form, the data and when; nothing of the holder."""
    text = border.airline(border.code(), *PASSPORT.splitlines())
    assert text.startswith(f"{YES}\nArriving that day: a stay until 2030-03-15. ")
    assert "Card: app, accepted there" in text
    assert "number ending 567.\nStill to see: face.\n" in text
    assert "From data of 2030-01-15 11:00 UTC.\n" in text
    assert re.search(
        r"^Answered 2030-01-15 20:00 \S+, reference [0-9a-f]{8}\.", text, re.MULTILINE
    )
    assert not re.search("CITIZEN|1980|PA1234567|AUS-", text)


def test_a_stay_is_counted_from_the_arrival(border: Border) -> None:
    """Days of stay begin on the day of arrival, wherever the desk is."""
    text = border.airline(border.code(), on=date(2030, 1, 18))
    assert text.startswith(f"{YES}\nArriving that day: a stay until 2030-03-18. ")
    assert "Still to see: passport, face." in text


def test_a_card_that_ends_before_the_arrival_is_no_basis(border: Border) -> None:
    """It is one today, and none on the day after its last."""
    ending = replace(JANE, passport_expires_on=date(2030, 1, 17))
    border.phone = Phone()
    border.table.issue(ending, "app", border.phone, at=NOW - DAY)
    assert border.airline(border.code()).startswith(YES)
    assert border.airline(border.code(), on=date(2030, 1, 18)).startswith(NO)


def test_s_no_answer_for_a_day_after_the_data(border: Border) -> None:
    """Of days behind the end of its data, or that are over, a device says nothing."""
    for days in (-1, 8, 400):
        day = NOW.date() + timedelta(days=days)
        assert border.airline(border.code(), on=day).startswith(NO_ANSWER)


def test_t_a_code_made_ahead_is_no_answer_on_any_day(border: Border) -> None:
    """A later arrival is no excuse for a proof, or a clock, that is off today."""
    day = NOW.date() + timedelta(days=2)
    assert border.airline(border.code(3600), on=day).startswith(NO_ANSWER)
    assert border.airline(border.code(-3600), on=day).startswith(NO_ANSWER)
    border.now = NOW - 2 * DAY
    assert border.airline(border.code(), on=day).startswith(NO_ANSWER)


@pytest.mark.parametrize("days", [0, 2])
def test_s_old_data_is_no_answer_on_any_day(border: Border, days: int) -> None:
    """Lists too old today are too old for an arrival, too."""
    border.now = NOW + 4 * DAY
    day = border.now.date() + timedelta(days=days)
    assert border.airline(border.code(), on=day).startswith(NO_ANSWER)


def test_a_passport_alone_is_no_answer(border: Border) -> None:
    """A device keeps no register of cards: it says so, and refuses nobody."""
    assert border.airline(*PASSPORT.splitlines()).startswith(NO_ANSWER)


def test_what_cannot_be_read_is_no_answer(border: Border) -> None:
    """Another's code, two codes, nothing, or a passport with a wrong digit."""
    code, bad = border.code(), PASSPORT.replace("PA1", "PA2").splitlines()
    for lines in (["https://x.example"], [code, code], [], [code, *bad], ["ABTC1:!"]):
        assert border.airline(*lines).startswith(NO_ANSWER)


def test_an_airline_never_reads_why_not(border: Border) -> None:
    """A wrong passport, a withdrawn clearance and a revoked card read alike."""
    told = {_without_reference(border.airline(border.code(), *OTHER.splitlines()))}
    border.table.set_overlay("SGP", border.card, Overlay.WITHDRAWN)
    border.publish()
    told.add(_without_reference(border.airline(border.code())))
    border.table.set_status(border.card, Status.REVOKED)
    border.publish()
    told.add(_without_reference(border.airline(border.code())))
    (text,) = told
    assert text.startswith(NO)


def _without_reference(text: str) -> str:
    return re.sub(r"reference \w+|data of [0-9:\- ]+", "", text)


# All three


def test_wrong_options_are_one_line(
    border: Border, capsys: pytest.CaptureFixture[str]
) -> None:
    """An economy that is no code, a zone that is none, a day that is none."""
    store = ["--store", str(border.store)]
    trip = [*store, *SINGAPORE, "--name", "Singapore", "--on"]
    for main, options in (
        (egate.main, [*store, "--economy", "sg", "--zone", "UTC"]),
        (handheld_loop.main, [*store, "--economy", "SGP", "--zone", "Mars"]),
        (handheld_loop.main, [*store, "--economy", "SGP", "--zone", "../x"]),
        (airline_desk.main, [*trip, "tomorrow"]),
        (airline_desk.main, [*trip, "9999-12-31"]),
    ):
        with pytest.raises(SystemExit) as ended:
            main(options, _stream(), border.clock)
        assert ended.value.code == 2
        assert re.fullmatch(
            r"python -m examples\.\w+: error: .+",
            capsys.readouterr().err.splitlines()[-1],
        )


def test_o_a_line_without_end_fills_no_memory() -> None:
    """A broken imager's line comes in pieces that are no codes."""
    pieces = [*embedding.lines_of(io.StringIO("A" * 100_000))]
    assert max(map(len, pieces)) < 20_000
    assert sum(map(len, pieces)) == 100_000


def test_the_guide_has_the_figures_of_the_policy() -> None:
    """A vendor who believes docs/embedding.md builds what the defaults do."""
    text = (ROOT / "docs/embedding.md").read_text()
    policy = verifier.Policy(economy="SGP")
    age, ahead = policy.max_proof_age.seconds, policy.max_proof_ahead.seconds
    assert f"count for {age} s and {ahead} s ahead" in text
    assert f"| proofs in the guard | {age + ahead} s, in memory" in text
    assert policy.max_trust_age == timedelta(weeks=1)
    assert "by up to a week, for then the trust data is too old" in text


@pytest.mark.parametrize("name", ["airline_desk", "egate", "handheld_loop"])
def test_an_example_is_short_and_uses_the_front_door(name: str) -> None:
    """A vendor reads it in a minute, and needs nothing but the verifier."""
    sources = [
        Path(embedding.__file__).with_name(f"{each}.py") for each in (name, "embedding")
    ]
    assert len(sources[0].read_text().splitlines()) < 60
    for source in sources:
        ours = re.findall(
            r"^(?:from|import) ((?:verifier|issuer|wallet_api|examples)\S*)",
            source.read_text(),
            re.MULTILINE,
        )
        assert {*ours} <= {"verifier", "verifier.scan", "examples"}


@pytest.mark.parametrize(
    ("example", "wanted"),
    [("egate", OPEN), ("handheld_loop", embedding.GREEN), ("airline_desk", NO_ANSWER)],
)
def test_o_a_program_reads_bytes_and_the_clock(
    tmp_path: Path, example: str, wanted: str
) -> None:
    """As a device runs it: what is no text, or hardly ends, stops nobody behind it."""
    now = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251  # as the program does
    border = Border(tmp_path, str, now=now)
    options = ["--store", str(border.store), *SINGAPORE]
    if example == "airline_desk":
        today = border.clock(ZoneInfo("Asia/Singapore")).date()
        options += ["--name", "Singapore", "--on", str(today)]
    line = border.code()
    if example == "egate":
        line = "\t".join((PASSPORT.replace("\n", ""), "same", line))
    garbage = b"\xff\x00\xfe\n" + b"A" * 100_000 + b"\r\n"
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", f"examples.{example}", *options],
        input=garbage + line.encode() + b"\r\n",
        capture_output=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONIOENCODING": "utf-8:strict"},
        timeout=60,
    )
    text = done.stdout.decode()
    assert [each for each in text.splitlines() if each.startswith(wanted)]
    assert "Traceback" not in done.stderr.decode()
