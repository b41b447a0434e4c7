"""Printed cards: what people see, and that machines read back what was signed."""

import io
import re
import subprocess
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

import verifier
from examples.camera import photograph
from issuer.economy import Economy
from issuer.errors import ProfileError
from issuer.plastic import PlasticCard, Press, Printed, gather, prepare_portrait
from issuer.scheme import Scheme
from tests.components import needs, path_of
from tests.issuer.mrz_glyphs import LETTERS, read_lines
from tests.issuer.plastic_cards import (
    LONGEST,
    NINETEEN,
    WORLD,
    data_of,
    file_of,
    photo,
    plastic,
    portrait,
    press,
    registry,
    signature,
)
from tests.simulator import NOW, SCHEME
from verifier.scan import read_codes

SIZE = (2022, 1275)
SOMEBODY_ELSE = prepare_portrait(file_of(Image.new("RGB", (700, 900), "grey")))
ALL = replace(plastic(), economies=NINETEEN)
CARDS = {
    "plain": plastic(),
    "longest": plastic("HKG", **LONGEST),
    "one name": plastic(given_name=""),
    "no economies": plastic(economies=[]),
    "transitional": plastic("USA"),
    "own design": plastic("CAN"),
    "letters 1": plastic(family_name="ABCDEFGHIJKLM", given_name="NOPQRSTUVWXYZ"),
    "letters 2": plastic(document_number="B8O0I1Z2S5G6QD0"),
}


def image(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def print_card(card: PlasticCard) -> Printed:
    return press(card.design_id).print(card)


def codes(picture: Image.Image) -> tuple[str, ...]:
    return read_codes(np.asarray(picture))


def zone(card: PlasticCard) -> Image.Image:
    """The part of the reverse that has the machine-readable lines."""
    return press(card.design_id).reverse(card).crop((0, 740, *SIZE))


# Files


def test_sides_are_of_the_size_of_a_card() -> None:
    """85.60 x 53.98 mm at 600 dpi, as PNG files that say so."""
    printed = print_card(CARDS["plain"])
    for side in (image(printed.front), image(printed.reverse)):
        assert (side.format, side.mode, side.size) == ("PNG", "RGB", SIZE)
        assert [round(each) for each in side.info["dpi"]] == [600, 600]


def test_equal_cards_give_equal_bytes() -> None:
    """A bureau that asks again gets the same; another name is another file."""
    printed = print_card(CARDS["plain"])
    assert print_card(plastic()) == printed
    assert Press(registry().get("plain-2026")).print(plastic()) == printed
    other = print_card(plastic(given_name="JANE MARIE"))
    assert other.front != printed.front
    assert other.reverse != printed.reverse


def test_the_pdf_has_two_pages_of_exactly_a_card() -> None:
    """85.60 x 53.98 mm are 242.6457 x 153.0142 points, whatever the pixels."""
    pdf = print_card(CARDS["plain"]).pdf
    boxes = re.findall(rb"/MediaBox\[0 0 ([0-9.]+) ([0-9.]+)\]", pdf)
    millimetres = [tuple(float(side) / 72 * 25.4 for side in box) for box in boxes]
    assert millimetres == [pytest.approx((85.60, 53.98), abs=0.0001)] * 2


def test_the_pdf_holds_the_pictures_without_loss() -> None:
    """What is in the PDF is the PNG's own data, and its code scans."""
    printed = print_card(CARDS["plain"])
    streams = re.findall(rb"/Columns 2022>>/Length ([0-9]+)>>\nstream\n", printed.pdf)
    assert len(streams) == 2
    start = printed.pdf.rindex(b"/Columns 2022>>")
    start = printed.pdf.index(b"stream\n", start) + 7
    rows = zlib.decompress(printed.pdf[start : start + int(streams[1])])
    assert len(rows) == SIZE[1] * (1 + 3 * SIZE[0])
    place = 0
    while printed.reverse[place + 4 : place + 8] != b"IDAT":
        place += 1
    assert printed.reverse[place + 8 : place + 100] in printed.pdf


@needs("Poppler")
def test_other_programs_read_the_pdf(tmp_path: Path) -> None:
    """Poppler finds no fault, agrees on the size, and what it renders scans."""
    file = tmp_path / "card.pdf"
    file.write_bytes(print_card(CARDS["plain"]).pdf)
    done = subprocess.run(  # noqa: S603  # a file of ours
        [path_of("Poppler"), "-r", "600", "-png", file, tmp_path / "page"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == b""
    pages = sorted(tmp_path.glob("page*.png"))
    sizes = [image(page.read_bytes()).size for page in pages]
    assert len(sizes) == 2
    assert all(abs(w - 2022) <= 1 and abs(h - 1275) <= 1 for w, h in sizes)
    assert read_codes(pages[1]) == (CARDS["plain"].qr_text,)


# The code


@pytest.mark.parametrize("name", CARDS)
def test_the_code_scans_and_verifies(name: str) -> None:
    """From the file at 600, 300, 200 and 150 dpi; the card is accepted."""
    card = CARDS[name]
    reverse = image(print_card(card).reverse)
    for dpi in (600, 300, 200, 150):
        size = (SIZE[0] * dpi // 600, SIZE[1] * dpi // 600)
        assert codes(reverse.resize(size, Image.Resampling.LANCZOS)) == (card.qr_text,)
    (text,) = codes(reverse)
    decision = WORLD.verify(text)
    assert isinstance(decision, verifier.Accepted)
    assert decision.card.document_number == card.document_number


@pytest.mark.parametrize("name", ["plain", "longest"])
@pytest.mark.parametrize(
    "conditions",
    [
        {"tilt": 20.0, "turn": 12.0},
        {"blur": 1.5},
        {"noise": 0.08},
        {"glare": 0.4, "shade": 0.5},
        {"tilt": 9.0, "turn": 4.0, "blur": 0.8, "noise": 0.03, "jpeg": 70},
    ],
)
def test_the_code_scans_from_photographs(name: str, conditions: dict[str, Any]) -> None:
    """At 300 dpi, tilted, blurred, in bad light: as a hand-held camera sees it."""
    card = CARDS[name]
    reverse = press(card.design_id).reverse(card)
    taken = photograph(reverse, width=1011, seed=1, **conditions)
    assert codes(taken) == (card.qr_text,)


@pytest.mark.parametrize("share", [0.02, 0.04])
def test_a_worn_code_still_scans(share: float) -> None:
    """Scratches through the code cost modules, not the card."""
    card = CARDS["plain"]
    reverse = press().reverse(card)
    for place in range(3):
        left = 1500 + place * 90
        reverse.paste("#F4F8F8", (left, 300, left + int(661 * share), 560))
    assert codes(reverse) == (card.qr_text,)


@pytest.mark.parametrize("name", CARDS)
def test_modules_are_large_and_their_quiet_zone_is_white(name: str) -> None:
    """At least 0.35 mm a module and 4 modules of nothing around the code."""
    card = CARDS[name]
    reverse = np.asarray(press(card.design_id).reverse(card).convert("L"))[:720]
    where = registry().get(card.design_id).reverse.code.box
    left, top, wide, high = (round(each * 600 / 25.4) for each in where)
    area = reverse[top : top + high, left : left + wide]
    dark = area < 128
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    # The finder pattern in the corner is seven modules wide.
    finder = area[rows[0], columns[0] :] < 128
    module = int(np.flatnonzero(~finder)[0]) / 7
    assert module / 600 * 25.4 >= 0.35
    for edge in (rows[0], len(area) - 1 - rows[-1], columns[0]):
        assert edge >= 4 * module
    assert area[~dark].min() == 255
    assert set(np.unique(area)) == {0, 255}


# The machine-readable lines


@pytest.mark.parametrize("name", CARDS)
def test_the_printed_lines_are_the_ones_encoded(name: str) -> None:
    """Read off the picture by the shapes of OCR-B, each letter is the right one."""
    card = CARDS[name]
    assert read_lines(zone(card)) == list(card.mrz_lines)


def test_the_reader_of_shapes_knows_every_letter() -> None:
    """The cards above show each letter, so that none is only guessed."""
    shown = {
        letter for card in CARDS.values() for line in card.mrz_lines for letter in line
    }
    assert shown == set(LETTERS)


def test_lines_read_from_a_worse_picture() -> None:
    """At 300 dpi and blurred, they still read."""
    card = CARDS["letters 2"]
    worse = zone(card).filter(ImageFilter.GaussianBlur(3))
    worse = worse.resize((worse.width // 2, worse.height // 2), Image.Resampling.BOX)
    assert read_lines(worse) == list(card.mrz_lines)


def test_lines_have_the_measures_of_the_standard() -> None:
    """Ten letters an inch, on white, in the lowest 23.2 mm, clear of the edges."""
    ink = np.asarray(zone(CARDS["longest"]).convert("L")) < 128
    columns = np.flatnonzero(ink.any(axis=0))
    width = (columns[-1] - columns[0]) / 600 * 25.4
    assert width == pytest.approx(30 * 2.54 - 0.6, abs=0.6)
    assert min(columns[0], SIZE[0] - columns[-1]) / 600 * 25.4 > 3
    rows = np.flatnonzero(np.diff(ink.any(axis=1).astype(int)) == -1)
    assert np.diff(rows) / 600 * 25.4 == pytest.approx(6.35, abs=0.1)


def test_the_verifier_reads_the_lines() -> None:
    """They name the card's own number, not the passport's."""
    card = plastic("HKG", nationality="GBR")
    read = verifier.Passport.from_mrz("\n".join(card.mrz_lines))
    assert (read.country, read.nationality) == ("HKG", "GBR")
    assert (read.number, read.expires_on) == ("A1234567", date(2034, 6, 30))


def test_a_known_document_code_comes_from_the_scheme() -> None:
    """Unknown, it is the design's, with its mark; known, the scheme's, by date."""
    assert CARDS["plain"].document_code.value == "I"
    assert CARDS["plain"].document_code.mark == "assumed"
    known = Economy.model_validate(
        {
            **SCHEME.economy("NZL").model_dump(by_alias=True),
            "mrz_document_code": [
                {"value": "CB", "mark": "verified", "source": "them", "from": NOW}
            ],
        }
    )
    scheme = Scheme.model_construct(economies={**SCHEME.economies, "NZL": known})
    told = plastic(how={"scheme": scheme})
    assert told.mrz_lines[0].startswith("CBNZL")
    assert (told.document_code.mark, told.document_code.source) == ("verified", "them")
    before = plastic(how={"scheme": scheme, "at": datetime(2029, 1, 1, tzinfo=UTC)})
    assert before.mrz_lines[0].startswith("I<NZL")


def test_the_issuing_state_can_be_set_by_a_design() -> None:
    """Where an economy's cards name another code, the design says so."""
    assert CARDS["longest"].issuing_state.value == "HKG"
    assert CARDS["longest"].issuing_state.mark == "assumed"
    plain = registry().get("plain-2026")
    said = {"value": "XOM", "mark": "reported", "source": "test"}
    raw = plain.model_dump(by_alias=True)
    raw["reverse"]["mrz"]["issuing_state"] = said
    design = type(plain).model_validate(raw)
    card = plastic(design=design)
    assert card.mrz_lines[0].startswith("I<XOM")
    assert card.issuing_state.mark == "reported"


# What people see


def test_each_thing_on_the_card_is_seen() -> None:
    """Change it, and the side that shows it changes, and the other does not."""
    plain = CARDS["plain"]
    fronts: list[dict[str, Any]] = [
        {"printed_family_name": "OTHER"},
        {"printed_given_name": "OTHER"},
        {"sex": "X"},
        {"birthdate": date(1980, 3, 1)},
        {"expires_on": date(2034, 6, 29)},
        {"nationality": "PER"},
        {"issuer_name": "Peru"},
        {"document_number": "B1"},
        {"signature": None},
        {"portrait": SOMEBODY_ELSE},
    ]
    reverses: list[dict[str, Any]] = [
        {"passport_number": "X1"},
        {"economies": ("AUS",)},
        {"qr_text": CARDS["one name"].qr_text},
        {"cleared_as_of": date(2020, 1, 1)},
    ]
    front, reverse = press().front(plain), press().reverse(plain)
    for change in fronts:
        assert press().front(replace(plain, **change)) != front, change
    for change in reverses:
        changed = replace(plain, **change)
        assert press().reverse(changed) != reverse, change
        assert press().front(changed) == front, change


def test_nineteen_economies_have_room() -> None:
    """More than any card can have, and still nothing runs into anything."""
    full = np.asarray(press().reverse(ALL).convert("L"))
    none = np.asarray(press().reverse(CARDS["no economies"]).convert("L"))
    assert len(NINETEEN) == 19
    assert codes(press().reverse(ALL)) == (ALL.qr_text,)
    # Between the left column and the code there is a gap in any case.
    gap = slice(1240, 1320)
    assert np.array_equal(full[:725, gap], none[:725, gap])


@pytest.mark.parametrize("issuer", ["USA", "CAN"])
def test_the_reverse_of_a_transitional_member_names_no_economy(issuer: str) -> None:
    """Whatever was signed, nothing stands where the codes would be."""
    card = plastic(issuer, economies=["AUS", "NZL"])
    assert card.economies == ()
    none = plastic(issuer, economies=[])
    left = (0, 0, 1300, 727)
    drawn = [press(each.design_id).reverse(each).crop(left) for each in (card, none)]
    assert drawn[0] == drawn[1]


def test_a_card_without_economies_has_no_day_of_them() -> None:
    """Since when nothing is cleared is nobody's question."""
    none = CARDS["no economies"]
    later = replace(none, cleared_as_of=date(2031, 1, 1))
    assert press().reverse(later) == press().reverse(none)


def test_transitional_members_are_never_printed() -> None:
    """USA and CAN are on no card, nor is a code that the scheme does not know."""
    card = plastic(economies=["AUS", "CAN", "USA", "XXA"])
    assert card.economies == ("AUS",)


@pytest.mark.parametrize("name", CARDS)
def test_print_keeps_off_the_edge(name: str) -> None:
    """Nothing is lost when the plastic is cut: 3 mm are free of letters."""
    side = press(CARDS[name].design_id)
    for picture in (side.front(CARDS[name]), side.reverse(CARDS[name])):
        pixels = np.asarray(picture.convert("L"))
        assert pixels[260:, -24:].min() > 150
        assert pixels[260:, :24].min() > 150


# What is refused


def test_accents_and_other_scripts_are_for_people_only() -> None:
    """They appear on the front, while machines get A to Z."""
    card = plastic(
        family_name="NUNEZ",
        given_name="JOSE",
        how={"family_name": "Nu\u0301n\u0303ez", "given_name": "José"},
    )
    assert card.printed_family_name == "Núñez"
    assert card.mrz_lines[2].startswith("NUNEZ<<JOSE<")
    plain = plastic(family_name="NUNEZ", given_name="JOSE")
    assert press().front(card) != press().front(plain)
    cyrillic = plastic(family_name="SITIZEN", how={"family_name": "Ситизен"})
    for name in (cyrillic.printed_family_name, "Trần Thị", "Ωμέγα"):
        other = press().front(replace(plain, printed_family_name=name))
        assert other != press().front(plain)


@pytest.mark.parametrize("machine", ["MUELLER", "MULLER"])
def test_both_ways_to_write_an_umlaut_are_the_same_name(machine: str) -> None:
    """The passport's lines win, and economies write them differently."""
    card = plastic(family_name=machine, how={"family_name": "Müller"})
    assert card.printed_family_name == "Müller"
    assert card.mrz_lines[2].startswith(f"{machine}<<")


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("李", "U+674E"),
        ("\u202eNEZITIC", "U+202E"),
        ("كريم", "U+0643"),
        ("x\u0323\u0301y", "U+0323"),
        ("A\tB", "U+0009"),
        ("\U0001f600", "U+1F600"),
    ],
)
def test_letters_that_cannot_be_printed_are_refused(name: str, point: str) -> None:
    """No empty boxes, no hidden controls, no script whose letters join."""
    card = replace(CARDS["plain"], printed_family_name=name)
    with pytest.raises(ProfileError) as refused:
        print_card(card)
    assert refused.value.field == "family_name"
    assert point in refused.value.reason


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("Bürger", "is another name than the one signed"),
        ("CITIZENS", "is another name than the one signed"),
        ("", "is empty"),
        ("Citizen ", "odd spaces"),
        ("Citi\u2028zen", "odd spaces"),
        ("C" * 79, "longer than 78"),
    ],
)
def test_i_the_name_for_people_is_the_one_signed(given: str, reason: str) -> None:
    """Where both can be compared, a card has one name only."""
    with pytest.raises(ProfileError, match=f"family_name: .*{reason}"):
        plastic(how={"family_name": given})


def test_i_print_and_signed_code_are_of_one_holder() -> None:
    """Whichever claim differs, the mixed-up card is refused and the claim named."""
    for claim, other in {
        "document_number": "B1",
        "family_name": "MALLORY",
        "given_name": "MAX",
        "birthdate": "1981-02-28",
        "nationality": "PER",
        "passport": {"country": "NZL", "number": "X1"},
        "economies": ["AUS"],
    }.items():
        changed: dict[str, Any] = {claim: other}
        text = WORLD.show(WORLD.card("NZL", "physical", **changed))
        with pytest.raises(ProfileError, match=f"qr_text: .*{claim}"):
            plastic(how={"qr_text": text})
    more = WORLD.show(WORLD.card("NZL", "physical", note="x"))
    with pytest.raises(ProfileError, match="something else of note"):
        plastic(how={"qr_text": more})


def test_i_a_code_for_a_phone_is_not_printed() -> None:
    """Nor one of another issuer, nor one that is no card at all."""
    phone = WORLD.show(WORLD.card("NZL"))
    with pytest.raises(ProfileError, match="carries a phone's proof"):
        plastic(how={"qr_text": phone})
    ours = ("nationality", "passport", "economies")
    own = WORLD.claims("NZL", "physical")
    claims: dict[str, Any] = {claim: own[claim] for claim in ours}
    foreign = WORLD.card("PER", "physical", **claims)
    with pytest.raises(ProfileError, match="is of another issuer"):
        plastic(how={"qr_text": WORLD.show(foreign)})
    for text in ("", "ABTC1:", "https://example.org"):
        with pytest.raises(ProfileError, match="is no signed card"):
            plastic(how={"qr_text": text})


def test_an_app_card_is_not_printed() -> None:
    """The form is checked before anything is drawn."""
    data = data_of(WORLD.claims("NZL", "app"), "NZL")
    with pytest.raises(ProfileError, match="form: is not physical"):
        gather(
            data,
            qr_text=CARDS["plain"].qr_text,
            sex="F",
            portrait=portrait(),
            signature=None,
            scheme=SCHEME,
            design=registry().get("plain-2026"),
            at=NOW,
        )


def test_the_card_of_another_design_is_refused() -> None:
    """What a batch says of its design is true of each card."""
    with pytest.raises(ProfileError, match="design: is plain-2026-can, not plain-2026"):
        press("plain-2026").print(CARDS["own design"])


@pytest.mark.parametrize("field", ["portrait", "signature"])
@pytest.mark.parametrize("data", [b"", photo(), photo(form="PNG")[:200]])
def test_q8_only_prepared_pictures_are_printed(field: str, data: bytes) -> None:
    """What nobody has looked at does not reach the press."""
    changed: dict[str, Any] = {field: data}
    with pytest.raises(ProfileError, match=f"{field}: "):
        print_card(replace(CARDS["plain"], **changed))


def test_q8_a_signature_is_no_portrait() -> None:
    """One in the place of the other is noticed."""
    with pytest.raises(ProfileError, match="portrait: was not prepared for print"):
        print_card(replace(CARDS["plain"], portrait=signature()))
    with pytest.raises(ProfileError, match="signature: was not prepared for print"):
        print_card(replace(CARDS["plain"], signature=portrait()))
    large = file_of(Image.new("RGB", (1400, 1800)))
    with pytest.raises(ProfileError, match="portrait: was not prepared for print"):
        print_card(replace(CARDS["plain"], portrait=large))


def test_what_does_not_fit_is_refused() -> None:
    """A name for people has limits, and so has the code."""
    long = replace(CARDS["plain"], printed_family_name="W" * 78)
    with pytest.raises(ProfileError, match="family_name: does not fit"):
        print_card(long)
    dense = replace(CARDS["plain"], qr_text="ABTC1:" + "A" * 700)
    with pytest.raises(ProfileError, match="qr_text: does not fit with modules"):
        print_card(dense)
    crowded = replace(CARDS["plain"], economies=NINETEEN * 3)
    with pytest.raises(ProfileError, match="economies: do not fit"):
        print_card(crowded)
