"""What is known of one economy, as issuer and as destination."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from issuer.dated import Fact, Model, Rows, Valued
from issuer.pairs import Exclusion

Form = Literal["app", "physical"]
"""What a card is: a credential in the app, or plastic."""

IssuanceMode = Literal["physical", "app", "dual"]
"""The forms an economy is known to issue; ``dual`` is both."""

Membership = Literal["full", "transitional"]
"""A transitional member pre-clears nobody, and nobody pre-clears its cards."""

Purpose = Literal["business", "non_business"]
"""What a visit may be for; never employment (APEC)."""

Unit = Literal["days", "months"]
"""Months are calendar months and never turned into days."""

PassportMoment = Literal["application", "preclearance", "entry"]
"""When a passport must still be valid for some time."""

MAX_LIST_CAPACITY = 2**20
"""Entries of the longest status list."""

MAX_ISSUER_URL = 170
"""Characters: with ``/overlay/AAA/4294967295`` behind it, still within 200."""

ANSWERS = "destination_answers"
"""Among the stages of a home review: the destinations are asked, and answer."""

_Count = Annotated[int, Field(ge=1)]
_Span = Annotated[int, Field(ge=1, le=1200)]
_Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
_Sentence = Annotated[str, Field(pattern=r"^\S(.*\S)?$", max_length=300)]


def _power_of_two(capacity: int) -> int:
    if capacity & (capacity - 1):
        raise ValueError("must be a power of two")
    return capacity


def _each_once(stages: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(stages)) < len(stages):
        raise ValueError("must name each stage once")
    if stages[0] == ANSWERS:
        raise ValueError("must begin with a stage of the home review")
    return stages


_Stages = Annotated[Rows[_Slug], Field(min_length=1), AfterValidator(_each_once)]


class FormFact(Fact):
    """A dated yes or no about one form of card."""

    form: Form
    value: bool

    @property
    def subject(self) -> Form:
        """The form: a destination may treat the two differently."""
        return self.form


class Stay(Fact):
    """The longest stay after one entry, 1 to 1200 days or months."""

    value: _Span
    unit: Unit


class RollingLimit(Fact):
    """At most ``value`` days of stay inside any ``window_days`` days."""

    value: _Count
    window_days: _Count


class PassportValidity(Fact):
    """How long the passport must still be valid at one moment of the procedure."""

    moment: PassportMoment
    value: _Span
    unit: Unit

    @property
    def subject(self) -> PassportMoment:
        """The moment: each has its own demand."""
        return self.moment


class Lane(Fact):
    """The fast lane; what is ``None`` is unknown, and one thing at least is known.

    ``airports`` are IATA codes; ``hours`` is text in the economy's own words.
    """

    needs_preclearance: bool | None = None
    entry: bool | None = None
    exit: bool | None = None
    airports: Rows[Annotated[str, Field(pattern=r"^[A-Z]{3}$")]] | None = None
    hours: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        own = set(Lane.model_fields) - set(Fact.model_fields)
        if all(getattr(self, key) is None for key in own):
            raise ValueError("says nothing about the lane")
        return self


class Fee(Fact):
    """A fee of one kind, in units of an ISO 4217 currency, not in cents."""

    kind: _Slug
    amount: Annotated[Decimal, Strict(strict=False), Field(ge=0)]
    currency: str = Field(pattern=r"^[A-Z]{3}$")

    @property
    def subject(self) -> str:
        """The kind: an economy may ask several fees."""
        return self.kind


class Criterion(Fact):
    """Something that an applicant must be or have, in one sentence for applicants."""

    kind: _Slug
    text: _Sentence

    @property
    def subject(self) -> str:
        """The kind: an economy may ask for several things."""
        return self.kind


class LossBar(Fact):
    """How many losses may bar new applications, and for how many years."""

    losses: _Count
    years: _Count


class AskedDocument(Fact):
    """A document that an economy asks of who applies; ``text`` is in its own words."""

    kind: Literal[
        "passport",
        "signature",
        "police_certificate",
        "employment",
        "recommendation",
        "other",
    ]
    text: str = Field(min_length=1, max_length=2_000)
    required: bool = True

    @property
    def subject(self) -> str:
        """The kind: one of each at a time."""
        return self.kind


class Declaration(Fact):
    """What applicants online declare, word for word, and which version that is."""

    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")
    text: str = Field(min_length=1, max_length=20_000)


class Facts(Model):
    """The dated keys; an empty key is unknown, never a "no"."""

    issues_forms: Rows[Valued[IssuanceMode]] = ()
    accepts_form: Rows[FormFact] = ()
    display_suppressed: Rows[FormFact] = ()
    max_stay: Rows[Stay] = ()
    stay_extendable: Rows[Valued[bool]] = ()
    rolling_limit: Rows[RollingLimit] = ()
    allowed_purposes: Rows[Valued[Annotated[Rows[Purpose], Field(min_length=1)]]] = ()
    min_passport_validity: Rows[PassportValidity] = ()
    lane: Rows[Lane] = ()
    on_passport_change: Rows[Valued[Literal["keep", "repend", "drop"]]] = ()
    card_term_years: Rows[Valued[_Count]] = ()
    service_target_days: Rows[Valued[_Count]] = ()
    fees: Rows[Fee] = ()
    criteria: Rows[Criterion] = ()
    asked_documents: Rows[AskedDocument] = ()
    declaration: Rows[Declaration] = ()
    home_review_stages: Rows[Valued[_Stages]] = ()
    disclose_refusal: Rows[Valued[bool]] = ()
    police_report_on_loss: Rows[Valued[bool]] = ()
    loss_bar: Rows[LossBar] = ()
    extends_with_passport: Rows[Valued[_Count]] = ()
    mrz_document_code: Rows[
        Valued[Annotated[str, Field(pattern=r"^[A-Z][A-Z<]?$")]]
    ] = ()


class Economy(Facts):
    """One economy of the scheme.

    ``code`` is alpha-3 and for machines, ``name`` is APEC's and for screens.
    ``issuer_url`` is the ``iss`` of its cards, an https URL without a slash, query
    or fragment at its end, of at most 170 characters.  ``list_capacity`` is the number
    of entries of each of its status lists, a power of two from 4 to 2**20.
    """

    code: str = Field(pattern=r"^[A-Z]{3}$")
    name: str = Field(min_length=1)
    issuer_url: str = Field(
        pattern=r"^https://[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~-]+)*$",
        max_length=MAX_ISSUER_URL,
    )
    list_capacity: Annotated[
        int, Field(ge=4, le=MAX_LIST_CAPACITY), AfterValidator(_power_of_two)
    ] = 2**17
    membership: Annotated[Rows[Valued[Membership]], Field(min_length=1)]
    exclusions: Rows[Exclusion] = ()
