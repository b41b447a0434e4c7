"""Who travels in the demonstration, what happens to their cards, and what is right."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from PIL import Image

import verifier
from examples.stage import Holder, Table
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
from wallet_api.holder import Phone
from wallet_api.pictures import CardFace, card_back, card_front, phone_screen, qr_image

NOW: Final = datetime(2026, 11, 23, 9, 30, 12, tzinfo=timezone(timedelta(hours=8)))
"""When the story plays: a Monday morning, in the time zone of Singapore."""
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
    expect: str
    """The reason: of the refusal or the question, otherwise of the entry answer."""
    passport: verifier.Passport | None = None
    now: datetime = NOW
    """By the device's clock."""
    guard: verifier.ReplayGuard | None = None
    """The device's memory of proofs, in a scene that is about it."""


class Story:
    """The cards of five travellers, and the scenes that they play.

    Args:
        keys: Folder for the private keys of the economies.
    """

    def __init__(self, keys: Path) -> None:
        self.table = Table(keys, ECONOMIES, NOW)
        self.phone, self.kims_phone = Phone(), Phone()
        self.jane = self.table.issue(JANE, "app", self.phone)
        self.kim_app = self.table.issue(MINJUN, "app", self.kims_phone)
        self.kim_card = self.table.issue(MINJUN, "physical")
        self.oliver = self.table.issue(OLIVER, "physical")
        self.grace = self.table.issue(GRACE, "physical")
        self.lin = self.table.issue(YACHEN, "physical")

    def fronts(self) -> Iterator[tuple[str, Image.Image]]:
        """Give the front of every plastic card, with its holder's name."""
        cards = (
            (MINJUN, self.kim_card),
            (OLIVER, self.oliver),
            (GRACE, self.grace),
            (YACHEN, self.lin),
        )
        for holder, credential in cards:
            yield holder.family_name.lower(), card_front(self._face(holder, credential))

    def scenes(self) -> Iterator[Scene]:
        """Play the story; what happens in one scene holds in those that follow."""
        yield from self._at_the_border()
        yield from self._with_passport()
        yield from self._copies()
        yield from self._life_of_a_card()
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
        trust = self.table.trust("SGP")
        for title, passport, expect in (
            ("With the linked passport", JANE.passport(), "entry.cleared"),
            ("With another passport", ANOTHER_PASSPORT, "passport.mismatch"),
        ):
            yield Scene(
                title=title,
                picture=screen,
                is_phone=True,
                at="SGP",
                trust=trust,
                expect=expect,
                passport=passport,
            )

    def _copies(self) -> Iterator[Scene]:
        guard, trust = (
            verifier.ReplayGuard(verifier.Policy(economy="SGP")),
            self.table.trust("SGP"),
        )
        screen = self._screen(JANE, self.jane, self.phone)
        for title, seconds, expect in (
            ("A live code, first traveller", 0, "entry.cleared"),
            ("Its copy, second traveller, 20 s later", 20, "proof.repeat"),
            ("Its screenshot, a minute later", 60, "proof.stale"),
        ):
            yield Scene(
                title=title,
                picture=screen,
                is_phone=True,
                at="SGP",
                trust=trust,
                expect=expect,
                now=NOW + timedelta(seconds=seconds),
                guard=guard,
            )
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

    def _life_of_a_card(self) -> Iterator[Scene]:
        self.table.set_status(self.lin, Status.REVOKED)
        lin = self._plastic(YACHEN, self.lin)
        yield self._card("A card reported lost", lin, "JPN", "status.revoked")
        new_phone = Phone()
        moved = self.table.issue(JANE, "app", new_phone)
        self.table.set_status(self.jane, Status.SUPERSEDED)
        old = self._screen(JANE, self.jane, self.phone)
        yield self._phone("The old phone after a move", old, "SGP", "status.superseded")
        new = self._screen(JANE, moved, new_phone)
        yield self._phone("The new phone", new, "SGP", "entry.cleared")
        self.table.set_overlay("SGP", self.oliver, Overlay.WITHDRAWN)
        oliver = self._plastic(OLIVER, self.oliver)
        yield self._card(
            "A clearance withdrawn since", oliver, "SGP", "entry.withdrawn"
        )
        self.table.set_overlay("VNM", self.kim_card, Overlay.GRANTED)
        plastic = self._plastic(MINJUN, self.kim_card)
        yield self._card(
            "A clearance granted after printing", plastic, "VNM", "entry.granted"
        )

    def _the_device(self) -> Iterator[Scene]:
        for title, clock, expect in (
            ("Four days without an update", NOW + timedelta(days=4), "status.stale"),
            ("The device's clock set back", NOW - timedelta(days=60), "time.clock"),
        ):
            screen = self._screen(MINJUN, self.kim_app, self.kims_phone, clock)
            yield Scene(
                title=title,
                picture=screen,
                is_phone=True,
                at="SGP",
                trust=self.table.trust("SGP"),
                expect=expect,
                now=clock,
            )

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
            trust=self.table.trust(at),
            expect=expect,
        )

    def _screen(
        self, holder: Holder, credential: Credential, phone: Phone, at: datetime = NOW
    ) -> Image.Image:
        return self._shown(holder, credential, phone.show(at))

    def _shown(self, holder: Holder, credential: Credential, code: str) -> Image.Image:
        return phone_screen(self._face(holder, credential), code, seconds_left=8)

    def _plastic(self, holder: Holder, credential: Credential) -> Image.Image:
        face = self._face(holder, credential)
        return card_back(face, verifier.pack(credential.text))

    def _face(self, holder: Holder, credential: Credential) -> CardFace:
        return CardFace(
            economy_name=self.table.scheme.economy(holder.issuer).name,
            family_name=holder.family_name,
            given_name=holder.given_name,
            sex=holder.sex,
            birthdate=holder.birthdate,
            nationality=holder.nationality,
            document_number=credential.document_number,
            passport_number=holder.passport_number,
            expires_on=(credential.expires_at - timedelta(seconds=1)).date(),
            economies=holder.economies,
            cleared_as_of=credential.issued_at.date(),
        )

    def _stolen_code(self) -> str:
        """Jane's own card with a proof that somebody else's phone has made."""
        proof = key_binding(
            self.jane.text, new_private_key(), iat=NOW, audience=BORDER, nonce=None
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
        proof = key_binding(card, key, iat=NOW, audience=BORDER, nonce=None)
        return verifier.pack(card + proof)


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
