"""The sheets that can be imported: applications, and other economies' requests."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final

from issuer.intake.duplicates import Identity
from issuer.intake.fields import Application, Request, read_application, read_request
from issuer.intake.problem import ProblemCode
from issuer.intake.sheet import Column, Kind
from issuer.scheme import Scheme

# The example is the specimen of ICAO Doc 9303: a person who does not exist.
_PERSON: Final = (
    Column(name="family_name", example="Eriksson"),
    Column(name="given_name", example="Anna Maria", required=False),
    Column(name="birthdate", example="1984-08-12"),
    Column(name="sex", example="F"),
    Column(name="nationality", example="AUS"),
    Column(name="email", example="anna@example.org", required=False),
    Column(name="machine_family_name", example="ERIKSSON", required=False),
    Column(name="machine_given_name", example="ANNA MARIA", required=False),
    Column(name="passport_country", example="AUS"),
    Column(name="passport_number", example="L898902C3"),
    Column(name="passport_issued_on", example="2025-04-15"),
    Column(name="passport_expires_on", example="2035-04-15"),
    Column(name="passport_mrz", example="", required=False),
)


def applications(*, economy: str, scheme: Scheme, at: datetime) -> Kind[Application]:
    """Return the sheet of applications to one economy.

    Args:
        economy: Home economy; alpha-3.
        scheme: The loaded scheme.
        at: Moment of the import, kept with it, so that rows read the same after an
            interruption; timezone-aware.
    """
    return Kind(
        name="applications",
        columns=_PERSON,
        read=partial(read_application, economy=economy, scheme=scheme, at=at),
        keys=_person_keys,
    )


def requests(*, destination: str, scheme: Scheme, at: datetime) -> Kind[Request]:
    """Return the sheet of other economies' requests for pre-clearance.

    Args:
        destination: The economy that is asked; alpha-3.
        scheme: The loaded scheme.
        at: As for `applications`.
    """
    issuer = next(code for code in scheme.economies if code != destination)
    return Kind(
        name="requests",
        columns=(
            Column(name="issuer", example=issuer),
            Column(name="reference", example="2026-000123"),
            *_PERSON,
        ),
        read=partial(read_request, destination=destination, scheme=scheme, at=at),
        keys=_request_keys,
    )


def _person_keys(application: Application) -> Iterator[tuple[ProblemCode, str]]:
    identity = Identity.of(application)
    yield ProblemCode.SHEET_SAME_PASSPORT, "\0".join(identity.passport_key)
    yield ProblemCode.SHEET_SAME_PERSON, "\0".join(identity.person_key)


def _request_keys(request: Request) -> Iterator[tuple[ProblemCode, str]]:
    key = f"{request.issuer}\0{request.reference}"
    yield ProblemCode.SHEET_SAME_REFERENCE, key
    # Two economies may well ask for one person; one asks for a passport once.
    passport = Identity.of(request.application).passport_key
    yield ProblemCode.SHEET_SAME_PASSPORT, "\0".join((request.issuer, *passport))
