"""Who travels in the demonstration, what happens to their cards, and what is right."""

import base64
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from PIL import Image

import verifier
from examples.plastic import Sides, print_card
from examples.stage import Device, Holder, Table
from issuer.issuance import Credential
from issuer.jws import (
    BORDER,
    b64u,
    canonical,
    key_binding,
    new_private_key,
    public_jwk,
    sign_es256,
)
from issuer.lists import Overlay, Status
from issuer.plastic import qr_image
from issuer.publish import Publication
from wallet_api.holder import Phone
from wallet_api.pictures import CardFace, phone_screen

_ZONE: Final = timezone(timedelta(hours=8))
"""Of Singapore; every moment of the story is in it."""
PUBLISHED_AT: Final = datetime(2026, 11, 22, 18, 0, tzinfo=_ZONE)
"""Sunday evening: the scheme and its economies publish for the first time."""
LOADED_AT: Final = datetime(2026, 11, 22, 20, 0, tzinfo=_ZONE)
"""Officers' devices are brought up to date from sticks."""
NOW: Final = datetime(2026, 11, 23, 9, 30, 12, tzinfo=_ZONE)
"""Monday morning: the counters open."""
MOVED_AT: Final = datetime(2026, 11, 23, 10, 0, tzinfo=_ZONE)
"""A holder moves her card to another phone."""
CHANGED_AT: Final = datetime(2026, 11, 23, 10, 15, tzinfo=_ZONE)
"""Four economies publish what has changed."""
NOT_YET_AT: Final = datetime(2026, 11, 23, 11, 15, tzinfo=_ZONE)
"""Nobody has carried it to the devices so far."""
RENEWED_AT: Final = datetime(2026, 11, 23, 11, 20, tzinfo=_ZONE)
"""The publisher says that what it has published is current; bundles are made."""
UPDATED_AT: Final = datetime(2026, 11, 23, 11, 30, tzinfo=_ZONE)
"""Devices in three economies are brought up to date."""
OLD_STICK_AT: Final = datetime(2026, 11, 25, 12, 0, tzinfo=_ZONE)
"""Wednesday: no other stick has come, but Sunday's turns up again."""
LEFT_ALONE_AT: Final = UPDATED_AT + timedelta(days=4)
"""Friday: still no other."""

ISSUED_AT: Final = NOW - timedelta(days=30)
"""When the cards were signed."""
ECONOMIES: Final = (
    "AUS",
    "CHN",
    "HKG",
    "JPN",
    "KOR",
    "RUS",
    "SGP",
    "TWN",
    "USA",
    "VNM",
)
"""Who takes part in it."""
DESTINATIONS: Final = ("AUS", "CHN", "JPN", "RUS", "SGP", "TWN", "USA", "VNM")
"""Those of them where cards are shown: each has an officer with a device."""
FIRST: Final = dict.fromkeys(DESTINATIONS, 3 * len(ECONOMIES) + 1)
"""Documents that each of these devices receives on Sunday: the scheme, an
``issuer.json`` and a list of every economy, its own policy, and its overlays over all
lists but its own."""
NEWS: Final = {"JPN": 2, "SGP": 3, "VNM": 3}
"""What is new to the devices that are updated on Monday: two issuers' lists, and at two
of the three their own overlay."""
SUNDAY, MONDAY = "sunday", "monday"
"""Days on which sticks are filled."""

JANE: Final = Holder(
    issuer="AUS",
    family_name="CITIZEN",
    given_name="JANE ALEXANDRA",
    birthdate=date(1984, 5, 4),
    sex="F",
    nationality="AUS",
    passport_country="AUS",
    passport_number="PA4083217",
    passport_expires_on=date(2033, 2, 11),
    economies=("BRN", "CHL", "IDN", "JPN", "KOR", "MYS", "NZL", "PER", "SGP", "THA"),
)
MINJUN: Final = Holder(
    issuer="KOR",
    family_name="KIM",
    given_name="MINJUN",
    birthdate=date(1979, 9, 30),
    sex="M",
    nationality="KOR",
    passport_country="KOR",
    passport_number="M70689098",
    passport_expires_on=date(2031, 6, 2),
    economies=("AUS", "BRN", "HKG", "JPN", "NZL", "SGP", "TWN"),
)
OLIVER: Final = Holder(
    issuer="HKG",
    family_name="WALKER",
    given_name="OLIVER JAMES",
    birthdate=date(1975, 1, 17),
    sex="M",
    nationality="GBR",
    passport_country="GBR",
    passport_number="533401372",
    passport_expires_on=date(2030, 8, 25),
    economies=("AUS", "CHN", "JPN", "KOR", "SGP", "THA", "VNM"),
)
GRACE: Final = Holder(
    issuer="USA",
    family_name="MILLER",
    given_name="GRACE",
    birthdate=date(1990, 12, 1),
    sex="F",
    nationality="USA",
    passport_country="USA",
    passport_number="A12094431",
    passport_expires_on=date(2034, 3, 8),
    economies=(),
)
YACHEN: Final = Holder(
    issuer="TWN",
    family_name="LIN",
    given_name="YA CHEN",
    birthdate=date(1988, 7, 21),
    sex="F",
    nationality="TWN",
    passport_country="TWN",
    passport_number="361240785",
    passport_expires_on=date(2032, 10, 19),
    economies=("AUS", "JPN", "KOR", "SGP", "VNM"),
)
ANOTHER_PASSPORT: Final = verifier.Passport(country="AUS", number="PB1112223")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One thing shown to one officer, and the answer that is right."""

    title: str
    picture: Image.Image
    """What is in the traveller's hand."""
    is_phone: bool
    at: str
    """Code of the economy whose border it is."""
    trust: verifier.Trust
    """What the officer's device believes at that moment."""
    expect: str
    """The reason: of the refusal or the question, otherwise of the entry answer."""
    now: datetime
    """By the device's clock."""
    passport: verifier.Passport | None = None
    guard: verifier.ReplayGuard | None = None
    """The device's memory of proofs, in a scene that is about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that happens before or between scenes."""

    at: datetime
    text: str
    is_expected: bool = True
    """Whether it went as it should."""


class Story:
    """The cards of five travellers, and what happens to them and to the devices.

    Args:
        folder: Gets the economies' keys, what they publish, the sticks on which it is
            carried, and the devices' stores.
    """

    def __init__(self, folder: Path) -> None:
        self.now = PUBLISHED_AT
        self.table = Table(folder, ECONOMIES, NOW)
        self.devices: dict[str, Device] = {}
        self._folder = folder
        self._sticks = folder / "sticks"
        self.phone, self.kims_phone = Phone(), Phone()
        self.jane = self.table.issue(JANE, "app", self.phone, at=ISSUED_AT)
        self.kim_app = self.table.issue(MINJUN, "app", self.kims_phone, at=ISSUED_AT)
        self.kim_card = self.table.issue(MINJUN, "physical", at=ISSUED_AT)
        self.oliver = self.table.issue(OLIVER, "physical", at=ISSUED_AT)
        self.grace = self.table.issue(GRACE, "physical", at=ISSUED_AT)
        self.lin = self.table.issue(YACHEN, "physical", at=ISSUED_AT)

    def fronts(self) -> Iterator[tuple[str, Image.Image]]:
        """Give the front of every plastic card, with its holder's name."""
        cards = (
            (MINJUN, self.kim_card),
            (OLIVER, self.oliver),
            (GRACE, self.grace),
            (YACHEN, self.lin),
        )
        for holder, credential in cards:
            yield holder.family_name.lower(), self._sides(holder, credential).front

    def publish(self) -> Iterator[Step]:
        """Publish for the first time, and copy what the devices need onto sticks."""
        done = (*self.table.open_repository(self.now), *self.table.publish(self.now))
        documents = sum(len(each.documents) for each in self.table.offices.values())
        yield self._step(
            f"Published: the scheme and {len(ECONOMIES)} economies, {documents + 1} "
            f"documents in {_files(done)} files that any web server can serve"
        )
        yield self._bundle(SUNDAY, FIRST)

    def load_devices(self) -> Step:
        """Give every destination a device, and bring it up to date from a stick."""
        root = (self.table.public / "metadata/1.root.json").read_bytes()
        for code in DESTINATIONS:
            folder = self._folder / "devices" / code
            self.devices[code] = Device(folder, code, root)
        self.now = LOADED_AT
        return self._carry(SUNDAY, FIRST)

    def scenes(self) -> Iterator[Step | Scene]:
        """Play the story; what happens in one scene holds in those that follow."""
        self.now = NOW
        yield from self._at_the_border()
        yield from self._with_passport()
        yield from self._copies()
        yield from self._before_the_stick()
        yield from self._life_of_a_card()
        yield from self._an_old_stick()
        yield from self._the_device()

    def _at_the_border(self) -> Iterator[Scene]:
        jane = self._screen(JANE, self.jane, self.phone)
        yield self._phone("An Australian phone", jane, "SGP", "entry.cleared")
        yield self._phone(
            "The same, where not cleared", jane, "CHN", "entry.not_cleared"
        )
        yield self._phone(
            "The same, where phones are refused", jane, "RUS", "entry.form"
        )
        yield self._phone(
            "The same, at a transitional member", jane, "USA", "entry.lane_only"
        )
        yield self._phone("The same, at home", jane, "AUS", "entry.not_required")
        kim = self._screen(MINJUN, self.kim_app, self.kims_phone)
        yield self._phone("A Korean phone", kim, "JPN", "entry.cleared")
        plastic = self._plastic(MINJUN, self.kim_card)
        yield self._card(
            "The same holder's plastic card", plastic, "JPN", "entry.cleared"
        )
        oliver = self._plastic(OLIVER, self.oliver)
        title = "Hong Kong, China plastic, British holder"
        yield self._card(title, oliver, "CHN", "entry.cleared")
        yield self._card("The same, at Chinese Taipei", oliver, "TWN", "entry.excluded")
        grace = self._plastic(GRACE, self.grace)
        yield self._card("A United States card", grace, "SGP", "entry.lane_only")
        lin = self._plastic(YACHEN, self.lin)
        yield self._card("A Chinese Taipei card", lin, "CHN", "entry.excluded")
        yield self._card("The same, where cleared", lin, "JPN", "entry.cleared")

    def _with_passport(self) -> Iterator[Scene]:
        screen = self._screen(JANE, self.jane, self.phone)
        for title, passport, expect in (
            ("With the linked passport", JANE.passport(), "entry.cleared"),
            ("With another passport", ANOTHER_PASSPORT, "passport.mismatch"),
        ):
            scene = self._phone(title, screen, "SGP", expect)
            yield replace(scene, passport=passport)

    def _copies(self) -> Iterator[Scene]:
        guard = verifier.ReplayGuard(verifier.Policy(economy="SGP"))
        screen = self._screen(JANE, self.jane, self.phone)
        for title, seconds, expect in (
            ("A live code, first traveller", 0, "entry.cleared"),
            ("Its copy, second traveller, 20 s later", 20, "proof.repeat"),
            ("Its screenshot, a minute later", 60, "proof.stale"),
        ):
            scene = self._phone(title, screen, "SGP", expect)
            yield replace(scene, now=NOW + timedelta(seconds=seconds), guard=guard)
        stolen = self._shown(JANE, self.jane, self._stolen_code())
        yield self._phone(
            "The card copied to a second phone", stolen, "SGP", "proof.device"
        )
        forged = self._shown(JANE, self.jane, self._forged_code())
        yield self._phone("A card made at home", forged, "SGP", "signature.invalid")
        crowd = _beside(screen, "https://noodles.example/menu")
        yield self._card(
            "A live code beside a menu's code", crowd, "SGP", "entry.cleared"
        )

    def _before_the_stick(self) -> Iterator[Step | Scene]:
        self.new_phone = Phone()
        self.moved = self.table.issue(
            JANE, "app", self.new_phone, at=MOVED_AT, replaces=self.jane
        )
        self.table.set_status(self.lin, Status.REVOKED)
        self.table.set_overlay("SGP", self.oliver, Overlay.WITHDRAWN)
        self.table.set_overlay("VNM", self.kim_card, Overlay.GRANTED)
        self.now = CHANGED_AT
        done = self.table.publish(self.now)
        yield self._step(
            "Published: TWN has revoked a card, AUS has moved one to another phone, "
            "SGP has withdrawn a clearance, VNM has granted one; "
            f"{len(done)} lists signed anew, {_files(done)} files",
            is_expected=len(done) == 4,
        )
        self.now = NOT_YET_AT
        trusts = [device.trust() for device in self.devices.values()]
        yield self._step(
            "An hour later, no stick has come: devices decide as before, and say so",
            is_expected=all(each.issued_at == PUBLISHED_AT for each in trusts),
        )
        oliver = self._plastic(OLIVER, self.oliver)
        title = "Withdrawn an hour ago, not synced since"
        yield self._card(title, oliver, "SGP", "entry.cleared")
        plastic = self._plastic(MINJUN, self.kim_card)
        title = "Granted an hour ago, not synced since"
        yield self._card(title, plastic, "VNM", "entry.not_cleared")

    def _life_of_a_card(self) -> Iterator[Step | Scene]:
        self.now = RENEWED_AT
        self.table.publisher.refresh_timestamp(now=self.now)
        yield self._bundle(MONDAY, NEWS)
        self.now = UPDATED_AT
        yield self._carry(MONDAY, NEWS)
        lin = self._plastic(YACHEN, self.lin)
        yield self._card("A card reported lost", lin, "JPN", "status.revoked")
        old = self._screen(JANE, self.jane, self.phone)
        yield self._phone("The old phone after a move", old, "SGP", "status.superseded")
        new = self._screen(JANE, self.moved, self.new_phone)
        yield self._phone("The new phone", new, "SGP", "entry.cleared")
        oliver = self._plastic(OLIVER, self.oliver)
        yield self._card(
            "A clearance withdrawn since", oliver, "SGP", "entry.withdrawn"
        )
        plastic = self._plastic(MINJUN, self.kim_card)
        yield self._card(
            "A clearance granted after printing", plastic, "VNM", "entry.granted"
        )

    def _an_old_stick(self) -> Iterator[Step | Scene]:
        self.now = OLD_STICK_AT
        said = self._sync("SGP", SUNDAY)
        dates = (f"{at.astimezone(UTC):%F %T} UTC" for at in (PUBLISHED_AT, RENEWED_AT))
        yield self._step(
            f"Sunday's stick is put into SGP's device again: {_told(said)}",
            is_expected=isinstance(said, verifier.SyncError)
            and all(each in str(said) for each in dates),
        )
        oliver = self._plastic(OLIVER, self.oliver)
        title = "Withdrawn still, after Sunday's stick"
        yield self._card(title, oliver, "SGP", "entry.withdrawn")

    def _the_device(self) -> Iterator[Scene]:
        set_back = LEFT_ALONE_AT - timedelta(days=60)
        for title, clock, expect in (
            ("Four days without an update", LEFT_ALONE_AT, "status.stale"),
            ("The device's clock set back 60 days", set_back, "time.clock"),
        ):
            self.now = clock
            screen = self._screen(MINJUN, self.kim_app, self.kims_phone)
            yield self._phone(title, screen, "SGP", expect)

    def _bundle(self, stick: str, destinations: Mapping[str, int]) -> Step:
        """Make a bundle for each destination, and copy it onto a stick."""
        folder = self._sticks / stick
        folder.mkdir(parents=True)
        bundles = [self.table.bundle(code) for code in destinations]
        for bundle in bundles:
            shutil.copy(bundle, folder)
        sizes = [bundle.stat().st_size for bundle in bundles]
        return self._step(
            f"Bundled for {', '.join(destinations)}: a file each, "
            f"{min(sizes):,} to {max(sizes):,} bytes, on a stick"
        )

    def _carry(self, stick: str, expected: Mapping[str, int]) -> Step:
        """Bring devices up to date from sticks.

        Args:
            stick: The day on which they were filled.
            expected: How many documents are new, by code of the destination.
        """
        said = {code: self._sync(code, stick) for code in expected}
        told: dict[str, list[str]] = {}
        for code, answer in said.items():
            told.setdefault(_told(answer), []).append(code)
        texts = (f"{', '.join(codes)} {text}" for text, codes in told.items())
        return self._step(
            f"Synced from sticks: {'; '.join(texts)}",
            is_expected=all(_is_new(said[code], expected[code]) for code in expected),
        )

    def _sync(self, code: str, stick: str) -> verifier.SyncReport | verifier.SyncError:
        return self.devices[code].sync(self._sticks / stick / f"{code}.zip", self.now)

    def _step(self, text: str, *, is_expected: bool = True) -> Step:
        return Step(at=self.now, text=text, is_expected=is_expected)

    def _phone(self, title: str, picture: Image.Image, at: str, expect: str) -> Scene:
        return self._scene(title, picture, at, expect, is_phone=True)

    def _card(self, title: str, picture: Image.Image, at: str, expect: str) -> Scene:
        return self._scene(title, picture, at, expect, is_phone=False)

    def _scene(
        self, title: str, picture: Image.Image, at: str, expect: str, *, is_phone: bool
    ) -> Scene:
        return Scene(
            title=title,
            picture=picture,
            is_phone=is_phone,
            at=at,
            trust=self.devices[at].trust(),
            expect=expect,
            now=self.now,
        )

    def _screen(
        self, holder: Holder, credential: Credential, phone: Phone
    ) -> Image.Image:
        return self._shown(holder, credential, phone.show(self.now))

    def _shown(self, holder: Holder, credential: Credential, code: str) -> Image.Image:
        return phone_screen(self._face(holder, credential), code, seconds_left=8)

    def _plastic(self, holder: Holder, credential: Credential) -> Image.Image:
        return self._sides(holder, credential).reverse

    def _sides(self, holder: Holder, credential: Credential) -> Sides:
        scheme = self.table.scheme
        return print_card(holder, credential, scheme=scheme, at=credential.issued_at)

    def _face(self, holder: Holder, credential: Credential) -> CardFace:
        return CardFace(
            economy_name=self.table.scheme.economy(holder.issuer).name,
            family_name=holder.family_name,
            given_name=holder.given_name,
            passport_number=holder.passport_number,
            expires_on=(credential.expires_at - timedelta(seconds=1)).date(),
            economies=holder.economies,
            cleared_as_of=credential.issued_at.date(),
        )

    def _stolen_code(self) -> str:
        """Jane's own card with a proof that somebody else's phone has made."""
        proof = key_binding(
            self.jane.text, new_private_key(), iat=self.now, audience=BORDER, nonce=None
        )
        return verifier.pack(self.jane.text + proof)

    def _forged_code(self) -> str:
        """A card that names a real issuer and key, and is signed by neither."""
        header, payload, _ = self.jane.text.split(".")
        key = new_private_key()
        claims = json.loads(_from_b64u(payload))
        claims |= {
            "family_name": "MALLORY",
            "cnf": {"jwk": public_jwk(key.public_key())},
        }
        signed = f"{header}.{b64u(canonical(claims))}"
        card = f"{signed}.{b64u(sign_es256(key, signed.encode()))}~"
        proof = key_binding(card, key, iat=self.now, audience=BORDER, nonce=None)
        return verifier.pack(card + proof)


def _files(publications: tuple[Publication, ...]) -> int:
    return sum(len(each.files) for each in publications)


def _told(said: verifier.SyncReport | verifier.SyncError) -> str:
    """Say in a few words what a device said of a sync."""
    if isinstance(said, verifier.SyncError):
        return f"refused, {said}"
    return f"to version {said.after}, {said.documents_changed} documents new"


def _is_new(said: verifier.SyncReport | verifier.SyncError, documents: int) -> bool:
    if isinstance(said, verifier.SyncError):
        return False
    return not said.problems and said.documents_changed == documents


def _from_b64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _beside(screen: Image.Image, link: str) -> Image.Image:
    """A phone on the counter with somebody else's code next to it."""
    menu = qr_image(link, module_pixels=12).convert("RGB")
    joined = Image.new(
        "RGB", (screen.width + menu.width + 300, screen.height), "#8a7864"
    )
    joined.paste(screen, (0, 0))
    joined.paste(menu, (screen.width + 200, screen.height // 2))
    return joined
