"""What the front page shows is run."""

import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import verifier
from issuer.plastic import qr_image
from tests.mrz_builder import build_td3
from tests.simulator import NOW, World

README = Path(__file__).parents[2] / "README.md"
MRZ = build_td3(
    country="AUS",
    number="PA1234567",
    family_name="CITIZEN",
    given_name="JANE MARY",
    nationality="AUS",
    birthdate="800229",
    sex="F",
    expiry="350101",
)


@pytest.fixture(scope="module")
def counter() -> Any:
    """The function that the front page offers for embedding."""
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102  # it is ours
    names["datetime"] = SimpleNamespace(now=NOW.astimezone)
    return names["at_the_counter"]


def picture_of(code: str) -> bytes:
    file = io.BytesIO()
    qr_image(code, module_pixels=4).save(file, "PNG")
    return file.getvalue()


def test_the_example_decides(counter: Any) -> None:
    """The embedding example reads a picture and a passport, and says what to do."""
    world = World()
    trust = world.trust()
    good = counter(picture_of(world.show(world.card())), MRZ, trust)
    assert good == "CITIZEN: lane yes, visa_free; still to see: face"
    foreign = counter(picture_of("https://example.org"), MRZ, trust)
    assert foreign == "no ABTC code in the picture"
    world.set_status(1)
    revoked = counter(picture_of(world.show(world.card())), MRZ, world.trust())
    advice = verifier.guidance(verifier.RejectReason.REVOKED).do
    assert revoked == f"status.revoked: {advice}"


def test_the_commands_exist() -> None:
    """Every `make` target and path that the front page names is there."""
    root = README.parent
    text = README.read_text()
    makefile = (root / "Makefile").read_text()
    assert not re.search(r"^[A-Z]{4,}$", text, re.MULTILINE)
    for target in re.findall(r"(?:`|^ +)make ([a-z]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for path in re.findall(
        r"`((?:verifier|issuer|wallet_api|examples|bench|docs)/[\w./]*)`", text
    ):
        assert (root / path).exists(), path
