"""The console's files: what is in them, before any browser looks."""

import json
import re
from pathlib import Path

import verifier

WEB = Path(verifier.__file__).parent / "console/web"
WORDS = Path(verifier.__file__).parent / "console/words/en.json"
SCRIPTS = [each for each in WEB.rglob("*.js") if "vendor" not in each.parts]
MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
IMPORT = re.compile(r'(?:from |import\()"(\.[^"]+)"')
TEXT = re.compile(r'\bt\("([^"]+)"|\bt\([^"`()]+\? "([^"]+)" : "([^"]+)"')
UI = json.loads(WORDS.read_text("utf-8"))["ui"]


def test_c2_no_script_is_made_from_text() -> None:
    """Nothing that is shown can become markup, and no policy has to allow it."""
    page = (WEB / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\bon[a-z]+=|javascript:|style=", page)
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    for path in SCRIPTS:
        assert not re.search(MARKUP, path.read_text("utf-8")), path


def test_nothing_is_loaded_from_elsewhere() -> None:
    """The one address in the reader is where it would look for its own other half."""
    for path in [*SCRIPTS, WEB / "console.css", WEB / "index.html"]:
        text = path.read_text("utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)[a-z]", text), path
    reader = (WEB / "camera/reader.worker.js").read_text("utf-8")
    assert "locateFile" in reader


def test_every_import_is_a_file() -> None:
    for path in SCRIPTS:
        for name in IMPORT.findall(path.read_text("utf-8")):
            assert (path.parent / name).is_file(), (path, name)


def test_every_text_that_a_page_asks_for_is_there() -> None:
    """A verdict must not show a key instead of a word."""
    for path in SCRIPTS:
        for found in TEXT.findall(path.read_text("utf-8")):
            assert {key for key in found if key} <= UI.keys(), path


def test_what_others_wrote_comes_with_its_licence() -> None:
    vendor = WEB / "vendor"
    licences = {each.name for each in vendor.glob("*-LICENSE.txt")}
    assert licences == {"qr-LICENSE.txt", "zxing-wasm-LICENSE.txt"}
    files = {each.name for each in vendor.iterdir()} - licences
    assert files == {"qr.js", "zxing-reader.js", "zxing_reader.wasm"}
