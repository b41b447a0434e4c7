"""Names: what may be stored, what is proposed, what the officer settles."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

import verifier
from issuer.errors import IntakeError
from issuer.intake.names import (
    NameProposal,
    Why,
    born_on,
    check_name,
    confirm,
    find_hidden,
    propose_from_mrz,
    propose_names,
)
from issuer.intake.problem import ProblemCode
from tests import mrz_builder


def mrz(family: str, given: str) -> str:
    return mrz_builder.build_td3(
        country="AUS",
        number="PA1234567",
        family_name=family,
        given_name=given,
        nationality="AUS",
        birthdate="840517",
        sex="F",
        expiry="310228",
    )


def codes(name: str) -> set[ProblemCode]:
    return {problem.code for problem in check_name(name, field="family_name")}


@pytest.mark.parametrize(
    "name",
    [
        "O'Neil",
        "O\u2019Neil",
        "Smith-Jones",
        "van der Berg",
        "Raj A/L Kumar",
        "Nguy\u1ec5n",
        "Nguye\u0302\u0303n",
        "\u738b\u5c0f\u660e",
        "\u5c71\u7530\u3000\u592a\u90ce",
        "\u0e40\u0e1e\u0e35\u0e48\u0e22\u0e21",
        "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f",
        "\u0418\u0432\u0430\u043d\u043e\u0432\u0430",
        "\uae40",
        "St. John",
    ],
)
def test_names_of_every_script_are_kept_as_given(name: str) -> None:
    """Spelling, spacing and special characters are the holder's own."""
    assert codes(name) == set()
    proposal = propose_names(name, name)
    assert (proposal.family_name, proposal.given_name) == (name, name)


@pytest.mark.parametrize(
    "hidden",
    [
        "\u202e",
        "\u2066",
        "\u200f",
        "\u200b",
        "\u200d",
        "\u2060",
        "\ufeff",
        "\u00ad",
        "\u034f",
        "\u3164",
        "\u115f",
        "\ufe0f",
        "\U000e0101",
        "\U000e0041",
        "\x00",
        "\n",
        "\t",
        "\x7f",
        "\u2028",
        "\ue000",
        "\ud800",
        "\u0378",
    ],
)
def test_q9_nothing_invisible_is_stored_in_a_name(hidden: str) -> None:
    """The message names the place and the character, at the field."""
    (problem,) = check_name(f"Li{hidden}u", field="given_name")
    assert (problem.field, problem.code) == ("given_name", ProblemCode.NAME_HIDDEN)
    assert f"Character 3 (U+{ord(hidden):04X})" in problem.message
    with pytest.raises(IntakeError, match=r"given_name: name\.hidden"):
        propose_names("Lee", f"Li{hidden}u")


def test_q9_marks_are_not_stacked() -> None:
    """Two marks are writing; three are a way to paint over the line above."""
    assert codes("x\u0323\u0301") == set()
    assert codes("x\u0323\u0301\u0308") == {ProblemCode.NAME_MARKS}
    assert codes("x" + "\u0489" * 3) == {ProblemCode.NAME_MARKS}
    assert codes("\u0301Lee") == {ProblemCode.NAME_MARKS}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (" Lee", ProblemCode.NAME_SPACE),
        ("Lee ", ProblemCode.NAME_SPACE),
        ("Lee\u2009Ann", ProblemCode.NAME_SPACE),
        ("L33", ProblemCode.NAME_CHARACTER),
        ("Henry \u2163", ProblemCode.NAME_CHARACTER),
        ("<script>", ProblemCode.NAME_CHARACTER),
        ("=Lee", ProblemCode.NAME_CHARACTER),
        ("Lee\U0001f600", ProblemCode.NAME_CHARACTER),
        ("--", ProblemCode.NAME_CHARACTER),
        ("L" * 201, ProblemCode.TOO_LONG),
    ],
)
def test_what_is_no_name_is_refused(name: str, code: ProblemCode) -> None:
    """Each kind of fault has its own code."""
    assert code in codes(name)


def test_all_faults_of_a_name_are_told_at_once() -> None:
    """One visit to the form is enough."""
    assert codes(" L33\u202e") == {
        ProblemCode.NAME_SPACE,
        ProblemCode.NAME_CHARACTER,
        ProblemCode.NAME_HIDDEN,
    }


@pytest.mark.parametrize(
    ("family", "machine", "why"),
    [
        ("Lee", "LEE", ()),
        ("O'Neil-Smith", "ONEIL SMITH", ()),
        ("M\u00fcller", "MUELLER", (Why.TRANSLITERATED,)),
        ("Nguy\u1ec5n", "NGUYEN", (Why.TRANSLITERATED,)),
        (
            "\u0418\u0432\u0430\u043d\u043e\u0432",
            "IVANOV",
            (Why.TRANSLITERATED,),
        ),
        ("\u738b", None, (Why.NO_TABLE,)),
        ("\u5c71\u7530", None, (Why.NO_TABLE,)),
        ("\uae40", None, (Why.NO_TABLE,)),
        ("\u0e40\u0e1e\u0e0a\u0e23", None, (Why.NO_TABLE,)),
        ("\u0645\u062d\u0645\u062f", None, (Why.NO_TABLE,)),
        ("\u02bc\u738b", None, (Why.NO_TABLE,)),
        ("\u042c", None, (Why.NO_TABLE,)),
    ],
)
def test_a_proposal_says_why_an_officer_must_look(
    family: str, machine: str | None, why: tuple[Why, ...]
) -> None:
    """Only plain Latin letters need nobody; a script without a table gets nothing."""
    proposal = propose_names(family, "Ann")
    assert (proposal.machine_family, proposal.machine_given) == (machine, "ANN")
    assert proposal.why == why
    assert proposal.needs_confirmation == bool(why)


def test_q9_letters_of_two_alphabets_in_one_word_are_pointed_out() -> None:
    """A Cyrillic a among Latin letters looks the same and is another name."""
    assert Why.MIXED_SCRIPTS in propose_names("P\u0430yne", "Ann").why
    assert Why.MIXED_SCRIPTS not in propose_names("\u0418\u0432\u0430\u043d", "Ann").why
    two = propose_names("Payne-\u0418\u0432\u0430\u043d", "Ann")
    assert Why.MIXED_SCRIPTS not in two.why


def test_long_names_are_cut_at_39_characters() -> None:
    """Cut where the card ends, never ending in a space, and said so."""
    proposal = propose_names("A" * 38 + " " + "B" * 5, "Ann")
    assert proposal.machine_family == "A" * 38
    assert proposal.why == (Why.TRUNCATED,)
    assert propose_names("A" * 39, "Ann").why == ()


def test_one_name_alone_is_the_family_name() -> None:
    """Many people have one name; nobody has none."""
    assert propose_names("Suharto", "").machine_given == ""
    with pytest.raises(IntakeError, match=r"family_name: field\.missing"):
        propose_names("", "Suharto")


def test_the_passport_wins_over_the_table() -> None:
    """Both are compared, and each name that differs is shown."""
    proposal = propose_from_mrz("M\u00fcller", "Ren\u00e9", mrz("MULLER", "RENE"))
    assert (proposal.machine_family, proposal.machine_given) == ("MULLER", "RENE")
    assert proposal.why == (Why.DIFFERS,)
    (difference,) = proposal.differences
    assert difference.field == "family_name"
    assert (difference.proposed, difference.shown) == ("MUELLER", "MULLER")


def test_a_passport_that_agrees_needs_nobody() -> None:
    """The table and the lines say the same: nothing to decide."""
    proposal = propose_from_mrz("M\u00fcller", "Ann", mrz("MUELLER", "ANN"))
    assert not proposal.needs_confirmation
    assert proposal.differences == ()


def test_a_passport_gives_names_where_there_is_no_table() -> None:
    """Nothing can confirm them but an officer's eye."""
    proposal = propose_from_mrz("\u738b", "\u5c0f\u660e", mrz("WANG", "XIAOMING"))
    assert (proposal.machine_family, proposal.machine_given) == ("WANG", "XIAOMING")
    assert proposal.why == (Why.NO_TABLE,)


def test_lines_cut_by_the_passport_agree_with_the_whole_name() -> None:
    """39 places hold less than some names."""
    family, given_name = "Bennelong Wooloomooloo", "Warrandyte Warnambool"
    proposal = propose_from_mrz(
        family, given_name, mrz(family.upper(), given_name.upper())
    )
    assert proposal.why == (Why.TRUNCATED,)
    assert proposal.differences == ()


def test_lines_with_a_slip_are_refused_with_their_place() -> None:
    """The officer is told which line and column to type again."""
    wrong = mrz("LEE", "ANN").replace("PA1234567", "PA1234568")
    with pytest.raises(IntakeError) as refused:
        propose_from_mrz("Lee", "Ann", wrong)
    (problem,) = refused.value.problems
    assert (problem.field, problem.code) == (
        "passport_mrz",
        ProblemCode.MRZ_UNREADABLE,
    )
    assert "line 2, column 10" in problem.message
    assert "PA123" not in problem.message


def test_an_officer_settles_the_names() -> None:
    """Confirming keeps the proposal; typing replaces it, and is noted as a change."""
    proposal = propose_names("M\u00fcller", "Ann")
    kept = confirm(proposal)
    assert (kept.machine_family, kept.machine_given) == ("MUELLER", "ANN")
    assert not kept.changed
    typed = confirm(proposal, family="MULLER")
    assert (typed.family_name, typed.machine_family) == ("M\u00fcller", "MULLER")
    assert typed.changed
    assert confirm(proposal, given="").machine_given == ""


@pytest.mark.parametrize(
    "typed", ["", "Muller", "MULLER ", "M\u00dcLLER", "M" * 40, "MUL  LER", "MULLER\n"]
)
def test_an_officer_cannot_settle_what_no_card_carries(typed: str) -> None:
    """The grammar of the card holds for officers too."""
    with pytest.raises(IntakeError, match=r"machine_family_name: name\.machine"):
        confirm(propose_names("M\u00fcller", "Ann"), family=typed)


def test_nothing_is_confirmed_where_nothing_was_proposed() -> None:
    """Both names are missing, and both are said."""
    with pytest.raises(IntakeError) as refused:
        confirm(propose_names("\u738b", "\u5c0f"))
    assert [problem.field for problem in refused.value.problems] == [
        "machine_family_name",
        "machine_given_name",
    ]


@given(st.text(st.characters(), max_size=60), st.text(st.characters(), max_size=60))
def test_any_text_is_a_proposal_or_a_problem(family: str, given_name: str) -> None:
    """Nothing else comes out, and what comes out fits on a card."""
    try:
        proposal = propose_names(family, given_name)
    except IntakeError:
        return
    assert isinstance(proposal, NameProposal)
    assert find_hidden(family + given_name) is None
    if proposal.machine_family is not None and proposal.machine_given is not None:
        confirm(proposal)


@given(st.text("ABCxyz\u00e9\u00fc\u0416 -'\u738b", min_size=1, max_size=60))
def test_a_proposal_is_the_beginning_of_what_the_table_gives(name: str) -> None:
    """The card never carries letters that the table does not give."""
    try:
        proposal = propose_names(name, "")
        whole = verifier.transliterate(name)
    except (IntakeError, ValueError):
        return
    if proposal.machine_family is not None:
        assert whole.startswith(proposal.machine_family)
        assert len(proposal.machine_family) <= 39


@pytest.mark.parametrize(
    ("lines", "born"),
    [
        ("840517", date(1984, 5, 17)),
        ("300115", date(2030, 1, 15)),
        ("300116", date(1930, 1, 16)),  # nobody is born tomorrow
        ("000229", date(2000, 2, 29)),
        ("8405<<", None),
        ("841332", None),
        ("", None),
    ],
)
def test_a_birth_date_of_the_lines_is_of_the_last_hundred_years(
    lines: str, born: date | None
) -> None:
    """The lines have two digits for the year."""
    assert born_on(lines, date(2030, 1, 15)) == born
