"""The web wallet's files, as they are handed out."""

import gzip
import json
import re
from os.path import normpath
from pathlib import Path
from typing import Any

import wallet_api
from wallet_api.pages import load

WEB = Path(wallet_api.__file__).parent / "web"
WALLET = load()
MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
NAMES = r"www\.w3\.org/2000/svg|self-issued\.me/v2"
"""What looks like an address, and is never asked."""
IMPORT = re.compile(r'(?:from |import\()"(\.[^"]+)"')
SCRIPTS = [path for path in sorted(WEB.rglob("*.js")) if "vendor" not in path.parts]


def told() -> Any:
    """What the service worker is told in its first line."""
    line = WALLET.files["sw.js"].body.decode().split("\n")[0]
    return json.loads(line[len("const WALLET = ") : -1])


def test_the_page_asks_for_files_of_its_own_version_only() -> None:
    """So files of two versions never meet on one page."""
    page = WALLET.files[""].body.decode()
    wanted = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert len(wanted) > 4
    assert all(path in WALLET.files for path in wanted)
    assert all(path.startswith(f"{WALLET.version}/") for path in wanted)


def test_every_import_is_a_file_that_is_kept() -> None:
    """Nothing that a start needs is missing when there is no network."""
    kept = set(told()["files"])
    assert told()["version"] == WALLET.version
    for path in SCRIPTS:
        if path.parent.name == "desk":
            continue  # it answers over the network only
        for name in IMPORT.findall(path.read_text("utf-8")):
            # Not `resolve`: the encoder lies with the console, once for both.
            wanted = Path(normpath(path.parent / name)).relative_to(WEB)
            assert str(wanted) in kept | {"desk/request.js"}, path
    assert {"app.js", "wallet.css", "icons/icon.svg"} <= kept
    assert all(f"{WALLET.version}/{path}" in WALLET.files for path in kept)


def test_only_what_has_its_version_in_its_address_may_be_kept() -> None:
    """The page and the service worker are asked for each time."""
    lasting = {path for path, each in WALLET.files.items() if each.is_immutable}
    assert set(WALLET.files) - lasting == {"", "sw.js"}
    assert all(path.startswith(f"{WALLET.version}/") for path in lasting)


def test_compressed_files_are_the_same_files() -> None:
    """And the same bytes at every start."""
    again = load()
    for path, each in WALLET.files.items():
        assert gzip.decompress(each.zipped) == each.body, path
        assert again.files[path] == each


def test_the_first_visit_transfers_less_than_150_kb() -> None:
    """The page, its worker, what is kept, and one language: the largest."""
    kept = [f"{WALLET.version}/{path}" for path in told()["files"]]
    words = [each for path, each in WALLET.files.items() if "/words/" in path]
    files = [WALLET.files[path] for path in ["", "sw.js", *kept]]
    # 300 bytes of headers each.
    total = sum(len(each.zipped) + 300 for each in files)
    assert total + max(len(each.zipped) for each in words) < 150_000


def test_w14_no_script_is_made_from_text() -> None:
    """Nothing that is shown can become markup, and no policy has to allow it."""
    page = (WEB / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\bon[a-z]+=|javascript:|style=", page)
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    for path in SCRIPTS:
        code = path.read_text("utf-8")
        assert not re.search(MARKUP, code), path
        assert not re.search(rf"https?://(?!{NAMES})[a-z]", code), path


def test_the_wallet_can_be_installed() -> None:
    """With a name, a place, and icons that are there."""
    manifest = json.loads((WEB / "manifest.webmanifest").read_text("utf-8"))
    assert manifest["start_url"] == manifest["scope"] == "/wallet/"
    assert {each["sizes"] for each in manifest["icons"]} >= {"192x192", "512x512"}
    assert all((WEB / each["src"]).is_file() for each in manifest["icons"])


def test_what_others_wrote_comes_with_its_licence() -> None:
    assert (WEB / "vendor/qr-LICENSE.txt").is_file()
    assert (
        "SPDX-License-Identifier"
        in (WEB / "vendor/qr/index.js").read_text("utf-8")[:200]
    )
