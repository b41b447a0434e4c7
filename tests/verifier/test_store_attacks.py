"""Attacks on the way of the trust data, seen from the device.

What a mirror, a thief of one key or an economy that lies can reach: nothing new, or
that economy alone. The ids are those of area D, trust distribution.
"""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import TargetFile

import verifier
from issuer.documents import issuer_document
from issuer.keys import KeyRecord, KeyUse
from tests.simulator import NOW, SCHEME, FixedSigner, World, compact_json
from tests.verifier.tuf_scene import NEWS, TOP, Device, Scene
from verifier import cli

WORLD = World(economies=["AUS", "NZL"])
DAY = timedelta(days=1)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "mirror", WORLD.documents("NZL"))


@pytest.fixture
def device(tmp_path: Path, scene: Scene) -> Device:
    return Device(tmp_path / "store", scene)


def outcome(device: Device, economy: str = "AUS", at: Any = NOW, **policy: Any) -> str:
    """What New Zealand's officer is told about a card."""
    trust = device.store.load()
    shown = WORLD.show(WORLD.card(economy), at=at)
    found = WORLD.verify(shown, "NZL", trust=trust, now=at, **policy)
    if isinstance(found, verifier.Accepted):
        return ",".join(["accepted", *found.evidence.ageing])
    return found.reason.value


def news(scene: Scene, *, minutes: int = 10) -> None:
    """Publish everything anew, dated later."""
    at = NOW + timedelta(minutes=minutes - 60)
    fields = {"x-abtc-issued-at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    scene.timestamp.unrecognized_fields = fields
    scene.list_documents()
    scene.publish(*scene.economies, *NEWS)


def problems(report: verifier.SyncReport) -> list[str]:
    return [problem.document for problem in report.problems]


def test_d2_a_mirror_that_stands_still(scene: Scene, device: Device) -> None:
    """The same good files day after day: told from half time, and nothing at the end.

    Lists may be as old as the officer's economy allows; here as old as trust data.
    """
    scene.timestamp.expires = NOW + 7 * DAY - timedelta(hours=1)
    scene.publish("timestamp")
    told = []
    for day in range(9):
        at = NOW + day * DAY - timedelta(minutes=1)
        if day < 7:
            device.sync(at)
        else:
            device.refuses("expired", at)
        told.append(outcome(device, at=at, max_list_age=30 * DAY))
    fresh, ageing = told[:4], told[4:7]
    assert fresh == ["accepted"] * 4
    assert all(each.startswith("accepted,") for each in ageing)
    assert set(told[7:]) == {"trust.stale"}


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_d3_a_file_of_another_version(scene: Scene, device: Device, role: str) -> None:
    """Old and new files together are refused, signed as each of them is."""
    old = (scene.folder / f"metadata/1.{role}.json").read_bytes()
    device.sync()
    news(scene)
    scene.put(f"2.{role}", old)
    device.refuses()


def test_d3_an_economys_file_of_another_version(scene: Scene, device: Device) -> None:
    """Of one economy: it is kept as it was, and the others have their news."""
    old = (scene.folder / "metadata/1.AUS.json").read_bytes()
    device.sync()
    news(scene)
    scene.put("2.AUS", old)
    assert problems(device.sync()) == ["AUS"]
    assert (device.held()["AUS"], device.held()["NZL"]) == (1, 2)


def test_d3_two_economies_files_exchanged(scene: Scene, device: Device) -> None:
    """An economy's file is not another's, though both are signed."""
    device.sync()
    news(scene)
    for role, other in (("AUS", "NZL"), ("NZL", "AUS")):
        scene.put(f"2.{role}", scene.signed(other, scene.economies[other]))
    assert problems(device.sync()) == ["AUS", "NZL"]
    assert outcome(device) == "accepted"


def test_d5_a_thief_of_the_online_keys_adds_nothing(
    scene: Scene, device: Device
) -> None:
    """With timestamp and snapshot in hand, no key and no list can be made up."""
    device.sync()
    thief = CryptoSigner.generate_ecdsa()
    honest = {role: scene.signers[role] for role in ("AUS", "targets")}
    scene.documents["AUS/issuer.json"] += b"\n"
    scene.signers["AUS"] = [thief]
    news(scene)
    assert problems(device.sync()) == ["AUS"]
    assert device.held()["AUS"] == 1
    scene.signers |= {"AUS": honest["AUS"], "targets": [thief]}
    news(scene, minutes=20)
    device.refuses("signed by")


def test_d6_a_thief_of_an_economys_key_until_it_is_removed(
    scene: Scene, device: Device
) -> None:
    """Its own documents only, and none of them after one publication of targets."""
    device.sync()
    scene.documents["NZL/issuer.json"] = b"{}"
    nzl = scene.economies["NZL"].targets
    news(scene)
    scene.economies["AUS"].targets |= scene._files("NZL/", ())
    scene.economies["NZL"].targets = nzl
    scene.documents["NZL/issuer.json"] = WORLD.documents()["NZL/issuer.json"]
    scene.publish("AUS", "NZL", "snapshot", "timestamp")
    stolen = [name for name in problems(device.sync()) if name.startswith("NZL/")]
    assert "NZL/issuer.json" in stolen
    assert outcome(device, "NZL") == "accepted"
    assert outcome(device, "AUS") == "accepted"
    scene.set_keys("AUS", [CryptoSigner.generate_ecdsa()], signers=scene.signers["AUS"])
    scene.publish(*NEWS)
    assert problems(device.sync()) == ["AUS"]  # what the thief signs counts no more
    del scene.delegations["AUS"]
    scene.publish(*NEWS)
    assert device.sync().problems == ()
    assert outcome(device, "AUS") == "trust.unknown_issuer"
    assert outcome(device, "NZL") == "accepted"


def test_d6_what_was_refused_vouches_for_nothing_that_was_kept(
    scene: Scene, device: Device
) -> None:
    """What only a key that is shut out has signed goes, whatever its heir has signed.

    While both keys may sign, the heir's first documents cannot be had, and those of
    the old key are kept; then it is shut out.
    """
    device.sync()
    old, heir = scene.signers["AUS"][0], CryptoSigner.generate_ecdsa()
    scene.set_keys("AUS", [old, heir], signers=[heir])
    scene.documents["AUS/issuer.json"] += b"\n"
    news(scene)
    scene.file_of("AUS/issuer.json").unlink()
    assert problems(device.sync()) == ["AUS"]
    assert outcome(device) == "accepted"
    scene.set_keys("AUS", [heir])
    scene.publish(*NEWS)
    assert problems(device.sync()) == ["AUS"]
    assert outcome(device) == "trust.unknown_issuer"


@pytest.mark.parametrize(
    "name",
    [
        "NZL/issuer.json",
        "NZL/status/1.jwt",
        "AUS/../NZL/issuer.json",
        "AUS/status/../../NZL/issuer.json",
        "AUS/%2e%2e/NZL/issuer.json",
        "%4eZL/issuer.json",
        "AUS\\..\\NZL\\issuer.json",
        "AUS/status/..\\1.jwt",
        "aus/issuer.json",
        "AUS/ISSUER.JSON",
        "AUS//issuer.json",
        "/AUS/issuer.json",
        "./AUS/issuer.json",
        "AUS/issuer.json/",
        "AUS/issuer.json\n",
        "AUS/issuer.json\0",
        "AUS/status/01.jwt",
        "AUS/status/\uff11.jwt",
        "\u0410US/issuer.json",
        "scheme.json",
        "../../store/floor-a",
        "targets.json",
        "",
    ],
)
def test_d8_d11_names_that_an_economy_may_not_list(
    tmp_path: Path, scene: Scene, device: Device, name: str
) -> None:
    """However a name is written: it is reported, not read, and names no file."""
    device.sync()
    before = {path for path in tmp_path.rglob("*") if "generation" not in str(path)}
    own = scene.economies["AUS"].targets
    own[name] = own["AUS/issuer.json"]
    scene.publish("AUS", "snapshot", "timestamp")
    report = device.sync()
    assert problems(report) == [name]
    assert report.documents_changed == 0
    assert outcome(device, "AUS") == outcome(device, "NZL") == "accepted"
    after = {path for path in tmp_path.rglob("*") if "generation" not in str(path)}
    made = {path.name for path in after - before}
    assert made <= {"2.AUS.json", "2.snapshot.json"}


def key_record(name: str, economy: str) -> KeyRecord:
    """A key of that name, proven for that economy's address."""
    use: KeyUse = "status" if name.endswith("status") else "card"
    return KeyRecord.of(
        FixedSigner(key_id=name, use=use, name=name),
        issuer_url=SCHEME.economy(economy).issuer_url,
        signs_from=NOW - 365 * DAY,
    )


def issuer_json(economy: str, *names: str) -> bytes:
    records = [key_record(name, economy) for name in names]
    at = NOW - timedelta(hours=1)
    return issuer_document(SCHEME, economy, keys=records, issued_at=at)


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    content = json.loads(issuer_json("AUS", "AUS-card", "AUS-status"))
    change(content)
    return compact_json(content)


FOREIGN = {
    "NZL's key, proven for AUS": issuer_json("AUS", "NZL-card", "AUS-status"),
    "NZL's key and proof": edited(
        lambda content: content.update(
            keys=json.loads(issuer_json("NZL", "NZL-card"))["keys"]
        )
    ),
    "NZL's address": edited(
        lambda content: content.update(issuer=SCHEME.economy("NZL").issuer_url)
    ),
    "NZL's code": edited(lambda content: content.update(economy="NZL")),
    "NZL's document": issuer_json("NZL", "NZL-card", "NZL-status"),
}


@pytest.mark.parametrize("document", FOREIGN.values(), ids=FOREIGN)
def test_d10_an_economy_claims_what_is_anothers(
    scene: Scene, device: Device, document: bytes
) -> None:
    """Its entry is refused, whoever's key it is; the other economy is unaffected."""
    device.sync()
    scene.documents["AUS/issuer.json"] = document
    news(scene)
    report = device.sync()
    assert outcome(device, "NZL") == "accepted"
    assert outcome(device, "AUS") in {"trust.unknown_issuer", "trust.unknown_key"}
    assert set(problems(report)) <= {"AUS/issuer.json", "AUS/status/1.jwt"}


def set_jwk(**members: object) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["keys"][0]["jwk"].update(members)


BAD_KEYS = {
    "off the curve": edited(set_jwk(x="A" * 43)),
    "31 bytes": edited(set_jwk(x="A" * 42)),
    "another curve": edited(set_jwk(crv="P-384")),
    "symmetric": edited(set_jwk(kty="oct", k="AAAA")),
    "private": edited(set_jwk(d="A" * 43)),
    "no proof": edited(lambda content: content["keys"][0].pop("proof")),
    "no keys": edited(lambda content: content.update(keys=[])),
    "no JSON": b"{",
    "empty": b"",
}


@pytest.mark.parametrize("document", BAD_KEYS.values(), ids=BAD_KEYS)
def test_d15_an_economys_bad_keys(
    scene: Scene, device: Device, document: bytes
) -> None:
    """A key that is none is refused with its economy; nobody else is stopped."""
    device.sync()
    scene.documents["AUS/issuer.json"] = document
    news(scene)
    device.sync()
    assert outcome(device, "AUS") in {"trust.unknown_issuer", "trust.unknown_key"}
    assert outcome(device, "NZL") == "accepted"


def test_d15_a_key_that_is_over(scene: Scene, device: Device) -> None:
    """A card that was signed after its key had ended is not believed."""

    def end(content: dict[str, Any]) -> None:
        for row in content["keys"]:
            row["until"] = f"{NOW - 60 * DAY:%Y-%m-%dT%H:%M:%SZ}"

    scene.documents["AUS/issuer.json"] = edited(end)
    news(scene)
    device.sync()
    assert outcome(device, "AUS") == "trust.key_window"
    assert outcome(device, "NZL") == "accepted"


@pytest.mark.parametrize(
    "public", ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_d15_a_bad_key_of_an_economys_role(
    scene: Scene, device: Device, public: str
) -> None:
    """A delegation to a key that is none gives that role to nobody."""
    device.sync()
    news(scene)

    def spoil(content: dict[str, Any]) -> None:
        delegations = content["signed"]["delegations"]
        (key_id,) = next(
            role["keyids"] for role in delegations["roles"] if role["name"] == "AUS"
        )
        delegations["keys"][key_id]["keyval"]["public"] = public

    scene.edit("2.targets", spoil, signers=scene.signers["targets"])
    assert problems(device.sync()) == ["AUS"]
    assert device.held()["NZL"] == 2
    assert outcome(device, "AUS") == "trust.unknown_issuer"


def test_d12_signed_removals_are_obeyed_one_by_one(
    scene: Scene, device: Device
) -> None:
    """A list that goes makes cards undecided; a key that goes, unknown."""
    device.sync()
    del scene.documents["AUS/status/1.jwt"]
    news(scene)
    device.sync()
    assert outcome(device, "AUS") == "status.missing"
    scene.documents["AUS/issuer.json"] = issuer_json("AUS", "AUS-new", "AUS-status")
    news(scene, minutes=20)
    device.sync()
    assert outcome(device, "AUS") == "trust.unknown_key"
    assert outcome(device, "NZL") == "accepted"


def test_d12_targets_that_delegate_to_nobody(scene: Scene, device: Device) -> None:
    """Signed by the scheme, that is the end of every economy, and it is said."""
    device.sync()
    scene.targets.delegations = None
    scene.publish(*NEWS)
    report = device.sync()
    assert {"AUS/issuer.json", "NZL/issuer.json"} <= set(report.removed)
    assert outcome(device) == "trust.unknown_issuer"


def test_d12_a_mirror_that_was_emptied(scene: Scene, device: Device) -> None:
    """What no key has removed is not removed."""
    device.sync()
    for path in scene.folder.rglob("*.*"):
        path.unlink()
    device.refuses("cannot be fetched")
    assert outcome(device, "AUS") == "accepted"


def test_d9_d13_a_delegation_to_another_economys_role(
    scene: Scene, device: Device
) -> None:
    """AUS cannot speak for NZL by delegating to NZL's role with its own key."""
    device.sync()
    scene.documents["NZL/issuer.json"] += b"\n"
    news(scene)
    scene.economies["AUS"].delegations = scene.targets.delegations
    scene.publish("AUS", *NEWS)
    report = device.sync()
    assert problems(report) == ["AUS"]
    assert "delegates further" in report.problems[0].detail
    assert outcome(device, "AUS") == outcome(device, "NZL") == "accepted"


HUGE = 2**30


@pytest.mark.parametrize(
    ("lengths", "detail"),
    [
        ([HUGE], "AUS lists more"),
        ([5 * 2**20], "longer than 4 MiB"),
        ([4 * 2**20] * 5, "AUS lists more"),
        ([0] * 1025, "AUS lists more"),
    ],
)
def test_d4_d6_an_economy_that_lists_too_much(
    scene: Scene, device: Device, lengths: list[int], detail: str
) -> None:
    """Too long or too many: nothing of it is fetched; the others have their news."""
    device.sync()
    news(scene)
    part = scene.economies["AUS"]
    for number, length in enumerate(lengths, 100):
        name = f"AUS/status/{number}.jwt"
        part.targets[name] = TargetFile(length, {"sha256": "0" * 64}, name)
        path = scene.folder / "targets/AUS/status" / f"{'0' * 64}.{number}.jwt"
        path.touch()
        os.truncate(path, length)
    scene.publish("AUS", "snapshot", "timestamp")
    report = device.sync()
    assert problems(report) == ["AUS"]
    assert detail in report.problems[0].detail
    assert report.received < 2**20
    assert device.held()["NZL"] == 2
    assert outcome(device, "AUS") == outcome(device, "NZL") == "accepted"


def test_d4_a_scheme_without_end(scene: Scene, device: Device) -> None:
    """Not even the scheme may be longer than a device can read back."""
    device.sync()
    scene.documents["scheme.json"] += b" " * (4 * 2**20)
    news(scene)
    device.refuses("longer than 4 MiB")


def test_q9_d6_a_name_that_would_move_the_cursor(
    tmp_path: Path,
    scene: Scene,
    device: Device,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A thief's name is shown, not obeyed: no escape, no new line, no direction."""
    own = scene.economies["AUS"].targets
    own["AUS/\x1b[2J\n  all is well\u202e"] = own["AUS/issuer.json"]
    scene.publish("AUS", "snapshot", "timestamp")
    root = tmp_path / "root.json"
    root.write_bytes(device.first_root)
    where = ["--store", str(device.folder)]
    source = ["--from", str(scene.folder), "--root", str(root)]
    assert cli.main(["sync", *where, *source]) == 0
    assert cli.main(["info", *where]) == 0
    shown = capsys.readouterr().out
    assert shown.count("\\x1b[2J\\n  all is well\\u202e") == 2
    assert not {"\x1b", "\u202e"} & set(shown)
    assert "\n  all is well" not in shown


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "AUS"])
@pytest.mark.parametrize("version", [2**53, 2**53 + 1, 10**99])
def test_d1_d5_versions_that_no_mark_can_hold(
    scene: Scene, device: Device, role: str, version: int
) -> None:
    """A thief cannot spoil the mark with a number: not even by trying twice."""
    is_good = version == 2**53
    device.sync()
    scene.part(role).version = version - 1
    for _ in range(1 if is_good else 2):
        scene.publish(*dict.fromkeys([role, *NEWS]))
        if is_good:
            assert device.sync().problems == ()
        elif role == "AUS":
            assert problems(device.sync()) == ["AUS"]
        else:
            device.refuses("beyond 2")
    assert device.store._floor().versions[role] == (version if is_good else 1)
    assert outcome(device) == "accepted"


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "AUS"])
def test_d1_d5_a_version_that_is_true(scene: Scene, device: Device, role: str) -> None:
    """JSON's ``true`` counts as one, and a mark that says so could not be read."""
    name = "timestamp" if role == "timestamp" else f"1.{role}"
    scene.edit(
        name,
        lambda content: content["signed"].update(version=True),
        signers=scene.signers[role],
    )
    if role == "AUS":
        assert problems(device.sync()) == ["AUS"]
        assert outcome(device, "NZL") == "accepted"
    else:
        device.refuses("no number")


@pytest.mark.parametrize(
    ("moment", "is_refused"),
    [
        ("9999-12-31T23:59:58Z", True),
        ("2100-01-01T00:00:01Z", True),
        ("2099-12-31T00:00:00Z", False),
        ("1969-12-31T23:59:59Z", True),
        ("0001-01-01T00:00:00Z", True),
        ("2030-1-1T1:1:1Z", True),
        ("\uff12\uff10\uff13\uff10-01-01T00:00:00Z", True),
    ],
)
def test_d5_moments_at_the_end_of_the_calendar(
    scene: Scene, device: Device, moment: str, is_refused: bool
) -> None:
    """A thief's date is an answer of the device, never an error of it."""
    scene.timestamp.unrecognized_fields = {"x-abtc-issued-at": moment}
    for role in TOP:
        scene.part(role).expires = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    scene.publish("root", *NEWS)
    if is_refused:
        device.refuses()
    else:
        device.sync()
        assert outcome(device) == "time.clock"
