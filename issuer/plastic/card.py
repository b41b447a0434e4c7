"""What is printed on one card, gathered and checked against what is signed."""

import base64
import json
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import verifier
from issuer.dated import Mark, in_force, require_aware
from issuer.errors import ProfileError
from issuer.issuance import holder_claims
from issuer.jws import moment_from_wire
from issuer.plastic.design import Design
from issuer.plastic.mrz import Lines, Sex, td1_lines
from issuer.profile import MAX_NAME, CardData, last_day, machine_name
from issuer.scheme import Scheme

_REGISTERED: Final = frozenset({"iat", "exp", "iss", "status", "vct"})
"""Claims about the card; the others are about its holder."""
_LONGEST_TEXT: Final = 2 * MAX_NAME
"""Characters of a name as its holder writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MrzCode:
    """A code of the machine-readable lines, and how sure it is."""

    value: str
    mark: Mark
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlasticCard:
    """One card as it will be printed; `gather` makes it."""

    design_id: str
    issuer: str
    """Alpha-3 code of the issuing economy; not printed as such."""
    issuer_name: str
    document_number: str
    family_name: str
    """As machines read it, like the given name."""
    given_name: str
    printed_family_name: str
    """As people read it."""
    printed_given_name: str
    sex: Sex
    birthdate: date
    nationality: str
    passport_number: str
    expires_on: date
    """The last day."""
    economies: tuple[str, ...]
    """Codes on the reverse: never those of transitional members, and none on their
    cards."""
    cleared_as_of: date
    """Day of signing, in UTC, which is when the economies were right."""
    document_code: MrzCode
    issuing_state: MrzCode
    qr_text: str
    portrait: bytes
    """As `prepare_portrait` gives it."""
    signature: bytes | None
    """As `prepare_signature` gives it; None leaves the line empty."""

    @property
    def mrz_lines(self) -> tuple[str, str, str]:
        """The machine-readable lines, of 30 characters each."""
        return td1_lines(
            Lines(
                document_code=self.document_code.value,
                issuing_state=self.issuing_state.value,
                document_number=self.document_number,
                birthdate=self.birthdate,
                sex=self.sex,
                expires_on=self.expires_on,
                nationality=self.nationality,
                family_name=self.family_name,
                given_name=self.given_name,
            )
        )


def gather(
    card: CardData,
    *,
    qr_text: str,
    sex: Sex,
    portrait: bytes,
    signature: bytes | None,
    scheme: Scheme,
    design: Design,
    at: datetime,
    family_name: str | None = None,
    given_name: str | None = None,
) -> PlasticCard:
    """Put together what one card shows, and check that it is what was signed.

    Args:
        card: What was signed, of form ``physical``.
        qr_text: The signed card as `verifier.pack` writes it; it also says until when
            the card is good.
        sex: As in the passport.
        portrait: As `prepare_portrait` gives it.
        signature: As `prepare_signature` gives it; None for a card to be signed by
            hand, or of somebody who cannot sign.
        scheme: For the issuer's name, membership and machine-readable document code.
        design: The design in force; its codes serve where the scheme knows none.
        at: Moment of personalisation; timezone-aware.
        family_name: How the holder writes it, with accents or in another script, for
            people's eyes; by default as machines read it.
        given_name: The same.

    Returns:
        What `Press.print` prints.

    Raises:
        ProfileError: The code is no signed plastic card, or says something else than
            ``card``; a name that can be transliterated is another name; or a code of
            the machine-readable lines is none.
        ValueError: ``at`` is naive, or the issuer is no economy of the scheme.

    Not checked: the signature (`issuer.issuance.sign` has), and that portrait and
    signature are this holder's.
    """
    at = require_aware(at)
    claims = read_signed(qr_text)
    _check_same(card, claims, scheme)
    economy = scheme.economy(card.issuer)
    return PlasticCard(
        design_id=design.id,
        issuer=card.issuer,
        issuer_name=economy.name,
        document_number=card.document_number,
        family_name=card.family_name,
        given_name=card.given_name,
        printed_family_name=_printed("family_name", family_name, card.family_name),
        printed_given_name=_printed("given_name", given_name, card.given_name),
        sex=sex,
        birthdate=card.birthdate,
        nationality=card.nationality,
        passport_number=card.passport_number,
        expires_on=last_day(moment_from_wire(claims["exp"])),
        economies=_printable(card, scheme, at),
        cleared_as_of=moment_from_wire(claims["iat"]).date(),
        document_code=_document_code(card.issuer, scheme, design, at),
        issuing_state=_issuing_state(card.issuer, design),
        qr_text=qr_text,
        portrait=portrait,
        signature=signature,
    )


def read_signed(qr_text: str) -> dict[str, Any]:
    """Return the claims of a signed plastic card; its signature is not checked.

    Raises:
        ProfileError: It is no such card.
    """
    try:
        text = verifier.unpack(qr_text)
    except verifier.PackingError as error:
        raise ProfileError("qr_text", "is no signed card") from error
    if not text.endswith("~"):
        raise ProfileError("qr_text", "carries a phone's proof")
    # What unpacks has the form of a card; only its signature is in question.
    payload = text.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * 3))
    return claims


def _check_same(card: CardData, claims: dict[str, Any], scheme: Scheme) -> None:
    """A card that says one thing to people and another to readers helps nobody."""
    if card.form != "physical":
        raise ProfileError("form", "is not physical")
    if claims.get("iss") != scheme.economy(card.issuer).issuer_url:
        raise ProfileError("qr_text", "is of another issuer")
    expected = holder_claims(card)
    for claim in sorted(expected.keys() | claims.keys() - _REGISTERED):
        if claims.get(claim) != expected.get(claim):
            raise ProfileError("qr_text", f"says something else of {claim}")


def _printed(field: str, given: str | None, machine: str) -> str:
    """Return the name for people's eyes, in the one form that Unicode prefers."""
    if given is None:
        return machine
    name = unicodedata.normalize("NFC", given)
    if len(name) > _LONGEST_TEXT or name != " ".join(name.split()):
        raise ProfileError(
            field, f"is longer than {_LONGEST_TEXT} characters or has odd spaces"
        )
    if not name and machine:
        raise ProfileError(field, "is empty")
    if not _may_be(name, machine):
        raise ProfileError(field, "is another name than the one signed")
    return name


def _may_be(name: str, machine: str) -> bool:
    """Tell whether a passport that shows ``name`` may have ``machine`` in its lines.

    Economies differ in whether an umlaut becomes two letters or loses its dots; of a
    script that has no transliteration, or of a name too long, nobody here can tell.
    """
    split = unicodedata.normalize("NFKD", name)
    bare = "".join(letter for letter in split if not unicodedata.combining(letter))
    try:
        forms = {machine_name(each, field="name") for each in (name, bare)}
    except ProfileError:
        return True
    return machine in forms


def _printable(card: CardData, scheme: Scheme, at: datetime) -> tuple[str, ...]:
    """Leave out transitional members, and everything on their cards (ICA, APEC FAQ)."""
    if scheme.membership(card.issuer, at) != "full":
        return ()
    return tuple(
        code
        for code in card.economies
        if code in scheme.economies and scheme.membership(code, at) == "full"
    )


def _document_code(
    issuer: str, scheme: Scheme, design: Design, at: datetime
) -> MrzCode:
    row = in_force(scheme.economy(issuer).mrz_document_code, at)
    said = row or design.reverse.mrz.document_code
    return MrzCode(value=said.value, mark=said.mark, source=said.source)


def _issuing_state(issuer: str, design: Design) -> MrzCode:
    said = design.reverse.mrz.issuing_state
    if said:
        return MrzCode(value=said.value, mark=said.mark, source=said.source)
    source = "the economy's own code; no design or source says otherwise"
    return MrzCode(value=issuer, mark="assumed", source=source)
