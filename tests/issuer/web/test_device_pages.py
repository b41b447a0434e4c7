"""Officers' devices in the web pages, and the address that devices send to."""

import json
import re
import shutil
from pathlib import Path

import pytest

from issuer.collecting import MAX_BATCH
from issuer.store import Role
from tests.issuer.devices import ACT, FOREIGN, GOOD, Gate, ask, keep
from tests.issuer.web.front import Browser, Front
from tests.simulator import NOW
from verifier import Collector, DeviceKey

PATH = "/collect/AUS/scan-log"


def enter(front: Front, *roles: Role, economy: str = "AUS") -> Browser:
    return front.browser().enter(front.person(economy, roles=roles))


@pytest.fixture
def gate(small: Front, tmp_path: Path) -> Gate:
    return Gate.enrolled(small.back, tmp_path / "log")


def test_a_device_from_enrolment_to_its_end(small: Front, tmp_path: Path) -> None:
    """Enrolled by a form, its file downloaded, its log whole, then retired."""
    browser = enter(small, Role.ADMIN)
    key = DeviceKey(DeviceKey.make())
    fields = {"name": "Gate <1>", "public_key": key.public, "reason": "new"}
    wrong = browser.post(
        "/devices/enrol", fields | {"public_key": "x"}, page="/devices"
    )
    assert wrong.status_code == 400
    assert "has not the form" in browser.page
    done = browser.post("/devices/enrol", fields, page="/devices")
    assert done.status_code == 303
    place = done.headers["Location"]
    browser.get(place)
    assert "<h1><bdi>Gate &lt;1&gt;</bdi></h1>" in browser.page
    assert "Nothing has come yet." in browser.page
    file = browser.get(f"{place}/collector.json")
    assert "attachment" in file.headers["Content-Disposition"]
    collector = Collector.parse(file.data)
    gate = Gate(folder=tmp_path / "log", device_key=key, collector=collector)
    gate.scan(2)
    keep(small.back, *gate.sealed())
    browser.get(place)
    assert "Each row follows the one before it." in browser.page
    assert str(gate.log.verify().head) in browser.page
    again = browser.post("/devices/enrol", fields, page="/devices")
    assert (again.status_code, "device.known" in browser.page) == (409, True)
    assert browser.post(f"{place}/retire", {}, page=place).status_code == 400
    retired = browser.post(f"{place}/retire", {"reason": "lost"}, page=place)
    assert retired.status_code == 303
    browser.get(place)
    assert "Retire the device" not in browser.page
    browser.get("/devices")
    assert "Gate" not in browser.page
    browser.get("/devices?retired=1")
    assert "Gate &lt;1&gt;" in browser.page


def test_i4_what_is_wrong_is_shown(small: Front, gate: Gate, tmp_path: Path) -> None:
    """Each kind in words, on the list and on the device's page."""
    gate.scan(5)
    shutil.copytree(gate.folder, tmp_path / "copy")
    gate.scan(2)
    keep(small.back, *gate.sealed(max_rows=2)[1:])
    gate.folder = tmp_path / "copy"
    gate.scan(1, FOREIGN)
    keep(small.back, *gate.sealed())
    shutil.rmtree(gate.folder)
    gate.scan()
    keep(small.back, *gate.sealed())
    browser = enter(small, Role.AUDIT)
    browser.get("/devices")
    assert "Log not whole" in browser.page
    assert "Enrol a device" not in browser.page
    browser.get(f"/devices/{gate.number}")
    for said in ("Rows are missing", "The log went back", "A new log began"):
        assert said in browser.page
    assert "Retire the device" not in browser.page


def test_c3_scans_as_a_report_and_as_a_file(small: Front, tmp_path: Path) -> None:
    """Counts by day, device and code; a name that a spreadsheet would run is text."""
    gate = Gate.enrolled(small.back, tmp_path / "log", name="=1+1<b>")
    log = gate.scan(3)
    log.record_act(ACT, of=log.record(GOOD), now=NOW)
    keep(small.back, *gate.sealed())
    browser = enter(small, Role.AUDIT)
    browser.get("/reports?report=scans")
    plain = re.sub(r"</?bdi>", "", browser.page)
    cells = (f"{gate.number} =1+1&lt;b&gt;", "accepted", "lane.open", "entry.cleared")
    row = "".join(f"<td>{each}</td>" for each in cells)
    assert f'{row}<td class="number">4</td>' in plain
    assert "<td>officer</td><td>refer</td><td>face_differs</td>" in plain
    drawn = browser.get("/reports/scans/light.svg?days=90")
    assert drawn.mimetype == "image/svg+xml"
    sheet = browser.get("/reports/scans.csv").data.decode()
    assert "'=1+1<b>" in sheet
    assert '"=1+1' not in sheet
    browser = enter(small, Role.AUDIT, economy="NZL")
    browser.get("/reports?report=scans")
    assert "There is nothing to draw" in browser.page


def test_c4_another_economys_device_is_not_there(small: Front, gate: Gate) -> None:
    browser = enter(small, Role.ADMIN, economy="NZL")
    for number in (gate.number, 10**6):
        for path in (f"/devices/{number}", f"/devices/{number}/collector.json"):
            assert browser.get(path).status_code == 404
        browser.get("/devices")
        answer = browser.post(f"/devices/{number}/retire", {"reason": "x"})
        assert answer.status_code == 404
    assert ask(small.back, "device.show", device=gate.number).retired_at is None


# Where devices send


def test_a_batch_over_http(small: Front, gate: Gate) -> None:
    """No cookie and no form: the signature says who it is."""
    gate.scan(2)
    (batch,) = gate.sealed()
    client = small.app.test_client()
    for new in (3, 0):
        answer = client.post(PATH, data=batch, content_type="application/json")
        told = answer.json or {}
        assert (answer.status_code, told["rows"]) == (200, new)
        assert told["head"] == str(gate.log.verify().head)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers


def test_w12_what_is_no_batch_over_http(small: Front, gate: Gate) -> None:
    """Refused with a code that a device shows, and never by a fault of ours."""
    gate.scan(1)
    (batch,) = gate.sealed()
    ask(small.back, "device.retire", device=gate.number)
    client = small.app.test_client()

    def post(data: bytes, path: str = PATH, kind: str = "application/json") -> object:
        answer = client.post(path, data=data, content_type=kind)
        found = answer.json or {}
        assert "traceback" not in answer.text.lower()
        return answer.status_code, found.get("code")

    assert post(batch) == (409, "device.retired")
    assert post(batch, "/collect/NZL/scan-log") == (404, "record.unknown")
    assert post(batch, "/collect/nowhere/scan-log") == (404, "record.unknown")
    assert post(b"{}") == (400, "request.invalid")
    assert post(b"\xff\x00") == (400, "request.invalid")
    assert post(batch, kind="text/plain") == (400, "request.invalid")
    assert post(b"x" * (MAX_BATCH + 1)) == (413, "batch.too_large")
    changed = json.loads(batch) | {"device": 10**6}
    assert post(json.dumps(changed).encode()) == (409, "device.unknown")
    assert client.get(PATH).status_code == 405


def test_c7_a_forged_host_sends_nothing(small: Front, gate: Gate) -> None:
    gate.scan(1)
    (batch,) = gate.sealed()
    answer = small.app.test_client().post(
        PATH, data=batch, content_type="application/json", base_url="http://evil.test"
    )
    assert answer.status_code == 400
