"""Designs of plastic cards: what a file may say, and which is in force when."""

import os
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest

from issuer.errors import DesignError
from issuer.plastic import Design, DesignRegistry, Press
from tests.issuer.plastic_cards import plastic, registry
from tests.simulator import NOW

PLAIN = (resources.files("issuer.plastic") / "designs" / "plain-2026.toml").read_text()
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def refused(text: str) -> DesignError:
    with pytest.raises(DesignError) as caught:
        Design.from_toml(text, file="our.toml")
    assert caught.value.file == "our.toml"
    assert str(caught.value).startswith("our.toml: ")
    return caught.value


def changed(old: str, new: str) -> str:
    """The plain design with one change."""
    assert PLAIN.count(old) >= 1, old
    return PLAIN.replace(old, new, 1)


def dated(design_id: str, economy: str = "", **times: str) -> str:
    """The plain design under another id, for another economy and time."""
    lines = [f'id = "{design_id}"', 'title = "Ours"']
    if economy:
        lines.append(f'economy = "{economy}"')
    lines += [f"{key} = {value}T00:00:00Z" for key, value in times.items()]
    _, _, rest = PLAIN.partition("[colours]")
    return "\n".join([*lines, "[colours]", rest])


def test_what_comes_with_the_package() -> None:
    """Several designs: one for anybody, its forerunner, and one of an economy's own."""
    designs = list(registry())
    assert len(designs) >= 3
    assert {design.economy for design in designs} >= {None, "CAN"}
    assert any(design.ends_at for design in designs)
    for design in designs:
        Press(design)


def test_no_design_claims_to_be_official() -> None:
    """Codes of the machine-readable lines that nobody knows are marked as such."""
    for design in registry():
        assert design.reverse.mrz.document_code.mark == "assumed"
        assert design.reverse.mrz.issuing_state is None
        words = [
            text.text for side in (design.front, design.reverse) for text in side.texts
        ]
        assert {word.upper() for word in words} <= {"APEC BUSINESS TRAVEL CARD"}


def test_the_moment_decides() -> None:
    """A design begins with its first moment and ends before its last."""
    known = registry()
    assert known.in_force("NZL", SINCE).id == "plain-2026"
    assert known.in_force("NZL", SINCE - SECOND).id == "plain-2020"
    assert known.in_force("CAN", SINCE).id == "plain-2026-can"
    assert known.in_force("CAN", SINCE - SECOND).id == "plain-2020"
    with pytest.raises(DesignError, match="no design is in force for NZL at 2019"):
        known.in_force("NZL", datetime(2019, 12, 31, tzinfo=UTC))
    with pytest.raises(ValueError, match="no UTC offset"):
        known.in_force("NZL", datetime(2030, 1, 1))  # noqa: DTZ001  # naive


def test_officers_are_told_of_superseded_designs() -> None:
    """While cards of an old design are good, it is in use beside the new one."""
    known = registry()

    def in_use(economy: str, at: datetime, years: int) -> list[str]:
        since = at - timedelta(days=365 * years)
        return [each.id for each in known.in_use(economy, at, issued_since=since)]

    assert in_use("NZL", datetime(2028, 1, 1, tzinfo=UTC), 5) == [
        "plain-2026",
        "plain-2020",
    ]
    assert in_use("CAN", datetime(2028, 1, 1, tzinfo=UTC), 5) == [
        "plain-2026-can",
        "plain-2020",
    ]
    assert in_use("NZL", datetime(2032, 1, 1, tzinfo=UTC), 5) == ["plain-2026"]
    assert in_use("NZL", datetime(2021, 1, 1, tzinfo=UTC), 5) == ["plain-2020"]
    assert in_use("NZL", datetime(2019, 1, 1, tzinfo=UTC), 5) == []


def test_an_unknown_design_is_refused() -> None:
    """Asked for by its id, a design is found or missing, never another."""
    assert registry().get("plain-2020").title == "Plain, 2020"
    with pytest.raises(DesignError, match="no design has the id 'plain'"):
        registry().get("plain")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (dated("a"), dated("b")),
        (dated("a", until="2030-01-02"), dated("b", **{"from": "2030-01-01"})),
        (dated("a", "NZL"), dated("b", "NZL", until="2020-01-01")),
    ],
)
def test_two_designs_at_once_are_refused(first: str, second: str) -> None:
    """The error names both files and ids, and whose they are."""
    with pytest.raises(DesignError) as caught:
        DesignRegistry.from_texts({"first.toml": first, "second.toml": second})
    assert (caught.value.file, caught.value.key) == ("second.toml", "from")
    assert "overlaps a in first.toml" in caught.value.reason


def test_one_after_another_and_side_by_side_is_well() -> None:
    """An end is exclusive, and an economy's own design is no overlap with a common."""
    known = DesignRegistry.from_texts(
        {
            "a": dated("a", until="2030-01-01"),
            "b": dated("b", **{"from": "2030-01-01"}),
            "c": dated("c", "NZL"),
            "d": dated("d", "CAN"),
        }
    )
    assert known.in_force("NZL", NOW).id == "c"
    assert known.in_force("PER", NOW).id == "b"


def test_an_id_is_given_once() -> None:
    """Otherwise nobody could say which design a batch was printed in."""
    texts = {"a.toml": dated("a", "NZL"), "b.toml": dated("a", "PER")}
    with pytest.raises(DesignError, match=r"b.toml: id: is also that of a.toml"):
        DesignRegistry.from_texts(texts)
    with pytest.raises(DesignError, match="there are no designs"):
        DesignRegistry.from_texts({})


BOX = "box = [4.6, 13.4, 22.4, 28.8]"


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("id = ", "", "Invalid value"),
        ("a = " + "[" * 9999, "", ""),
        ("", "id", "is missing"),
        (changed('id = "plain-2026"', 'id = "Plain"'), "id", "pattern"),
        (changed("title", "heading"), "title", "is missing"),
        (changed('title = "', 'flag = "x"\ntitle = "'), "flag", "is no known key"),
        (
            changed("from = 2026-01-01T00:00:00Z", "from = 2026-01-01"),
            "from",
            "datetime",
        ),
        (
            changed("from = 2026-01-01T00:00:00Z", "from = 2026-01-01T00:00:00"),
            "from",
            "must carry a UTC offset",
        ),
        (
            changed("[colours]", "until = 2025-01-01T00:00:00Z\n[colours]"),
            "until",
            "must be later than from",
        ),
        (changed('ink = "#14222D"', 'ink = "navy"'), "colours.ink", "pattern"),
        (changed('muted = "#50616E"\n', ""), "colours.muted", "is missing"),
        (
            changed('waves = "band_waves"', 'waves = "gold"'),
            "front.panels[1].waves",
            "is no colour of this design: gold",
        ),
        (
            changed('field = "sex"', 'field = "iris"'),
            "front.entries[4].field",
            "Input should be",
        ),
        (
            changed('field = "sex"', 'field = "nationality"'),
            "front.entries",
            "show no sex",
        ),
        (
            changed('field = "nationality"', 'field = "passport_number"'),
            "front.entries",
            "for the reverse",
        ),
        (
            changed('field = "passport_number"', 'field = "nationality"'),
            "reverse.entries",
            "show no passport_number",
        ),
        (
            changed(BOX, "box = [4.6, 13.4, 22.4]"),
            "front.portrait.box[3]",
            "is missing",
        ),
        (
            changed(BOX, "box = [4.6, 13.4, 22.4, nan]"),
            "front.portrait.box[3]",
            "finite",
        ),
        (
            changed(BOX, "box = [4.6, 13.4, 22.4, -1.0]"),
            "front.portrait.box[3]",
            "greater",
        ),
        (changed(BOX, "box = [4.6, 13.4, 22.4, 0.0]"), "front.portrait.box", "no area"),
        (
            changed(BOX, "box = [4.6, 13.4, 22.4, 20.0]"),
            "front.portrait.box",
            "is not 35 to 45",
        ),
        (
            changed("box = [4.6, 43.0, 22.4, 8.6]", "box = [4.6, 43.0, 22.4, 11.0]"),
            "front.signature.box",
            "sticks out of the card",
        ),
        (
            changed("box = [4.6, 43.0, 22.4, 8.6]", "box = [4.6, 42.0, 22.4, 8.6]"),
            "front.signature.box",
            "overlaps front.portrait",
        ),
        (
            changed("box = [56.2, 1.4, 28.0, 28.0]", "box = [50.2, 1.4, 28.0, 28.0]"),
            "reverse.code.box",
            "overlaps reverse.entries[0]",
        ),
        (
            changed("box = [56.2, 1.4, 28.0, 28.0]", "box = [62.2, 1.4, 22.0, 22.0]"),
            "reverse.code",
            "does not hold 65 modules at level L",
        ),
        (
            changed('levels = ["M", "L"]', 'levels = ["M"]'),
            "reverse.code",
            "does not hold 65 modules at level L",
        ),
        (changed("module = 0.35", "module = 0.3"), "reverse.code.module", "greater"),
        (
            changed("box = [0.0, 30.78, 85.6, 23.2]", "box = [0.0, 36.0, 85.6, 17.9]"),
            "reverse.mrz.box",
            "too small for three lines",
        ),
        (changed("pitch = 2.54", "pitch = 2.0"), "reverse.mrz.pitch", "greater"),
        (
            changed('value = "I"', 'value = "P"'),
            "reverse.mrz.document_code.value",
            "pattern",
        ),
        (
            changed('mark = "assumed"', 'mark = "sure"'),
            "reverse.mrz.document_code.mark",
            "Input should be",
        ),
        (
            changed('label = "Sex"', 'label = "性別"'),
            "front.entries[4]",
            "has a letter that the font lacks, U+6027",
        ),
        (
            changed('label = "Sex"', 'label = "Sex or gender"'),
            "front.entries[4].box",
            "too narrow",
        ),
    ],
)
def test_a_faulty_design_is_refused(text: str, key: str, reason: str) -> None:
    """File, key and reason are named; nothing of it is used."""
    error = refused(text)
    assert error.key == key
    assert reason in error.reason


def test_folders_are_read(tmp_path: Path) -> None:
    """Every TOML file of a folder is a design, and nothing else in it matters."""
    (tmp_path / "ours.toml").write_text(dated("ours"), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("[", encoding="utf-8")
    known = DesignRegistry.load(tmp_path)
    assert [design.id for design in known] == ["ours"]
    design = known.in_force("NZL", NOW)
    assert Press(design).print(plastic(design=design)).front


def test_unreadable_folders_are_refused(tmp_path: Path) -> None:
    """A file that is no text, too large or no file at all is named."""
    with pytest.raises(DesignError, match="nowhere: cannot be read"):
        DesignRegistry.load(tmp_path / "nowhere")
    file = tmp_path / "a.toml"
    for content, reason in (
        (b"\xff", "cannot be read as UTF-8"),
        (b"", "is empty"),
        (b"#" * (2**18 + 1), "larger than 262144 bytes"),
    ):
        file.write_bytes(content)
        with pytest.raises(DesignError, match=f"a.toml: .*{reason}"):
            DesignRegistry.load(tmp_path)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(DesignError, match=r"a.toml: cannot be read"):
        DesignRegistry.load(tmp_path)


def test_every_key_is_documented() -> None:
    """docs/plastic.md names whatever a design may say."""
    text = (Path(__file__).parents[2] / "docs" / "plastic.md").read_text("utf-8")
    schema = Design.model_json_schema(by_alias=True)
    parts = [schema, *schema["$defs"].values()]
    keys = {key for part in parts for key in part.get("properties", {})}
    fields = schema["$defs"]["Entry"]["properties"]["field"]["enum"]
    assert {key for key in (*keys, *fields) if f"`{key}`" not in text} == set()
