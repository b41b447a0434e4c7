"""What outsiders may rely on."""

import dataclasses
import enum
import inspect
import subprocess
import sys
import typing

import pytest

import verifier

FROZEN = [
    verifier.Accepted,
    verifier.Card,
    verifier.Entitlement,
    verifier.Entry,
    verifier.Evidence,
    verifier.Lane,
    verifier.Passport,
    verifier.PassportComparison,
    verifier.Policy,
    verifier.Rejected,
    verifier.Trust,
    verifier.Undecided,
]


def test_all_is_sorted_and_complete() -> None:
    """Every public name is exported, and nothing else that is ours is public."""
    public = {
        name
        for name, value in vars(verifier).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    names = list(verifier.__all__)
    assert names == sorted(names)
    # `guidance` is both the function and the module that it comes from.
    assert set(names) == public | {"guidance"}


@pytest.mark.parametrize("name", verifier.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    """A public class or function says what it is."""
    value = getattr(verifier, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__doc__
        if not issubclass_of_enum(value):
            assert "(" not in value.__doc__.splitlines()[0][:1]


def issubclass_of_enum(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, enum.Enum)


@pytest.mark.parametrize("kind", FROZEN)
def test_values_are_frozen(kind: type) -> None:
    """Nobody can change a decision, a card or a policy after the fact."""
    assert dataclasses.is_dataclass(kind)
    parameters = kind.__dataclass_params__  # type: ignore[attr-defined]
    assert parameters.frozen
    assert "__slots__" in vars(kind)


@pytest.mark.parametrize("function", [verifier.verify, verifier.Trust.from_documents])
def test_every_demand_is_written_out(function: typing.Any) -> None:
    """Only the subject is positional, and what is demanded of it has no default."""
    parameters = list(inspect.signature(function).parameters.values())
    assert parameters[0].kind is parameters[0].POSITIONAL_OR_KEYWORD
    assert all(each.kind is each.KEYWORD_ONLY for each in parameters[1:])
    if function is verifier.verify:
        assert all(each.default is each.empty for each in parameters)


def test_import_is_light() -> None:
    """Importing the verifier imports no web framework, database, picture or network."""
    code = (
        "import sys, verifier; print(sorted({name.partition('.')[0] for name in "
        "sys.modules} & set(sys.argv[1:])))"
    )
    heavy = [
        "flask",
        "sqlalchemy",
        "PIL",
        "zxingcpp",
        "pydantic",
        "tuf",
        "qrcode",
        "numpy",
    ]
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", code, *heavy],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.decode().strip() == "[]"
