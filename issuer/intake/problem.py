"""What can be wrong with what came in: stable codes, and what to do about each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ProblemCode(StrEnum):
    """A kind of fault; stable, for programs.  docs/operations/intake.md lists them."""

    MISSING = "field.missing"
    UNKNOWN = "field.unknown"
    TYPE = "field.type"
    TOO_LONG = "field.too_long"
    DATE = "date.impossible"
    BIRTH_FUTURE = "birthdate.future"
    BIRTH_TOO_OLD = "birthdate.too_old"
    SEX = "sex.unknown"
    CODE = "code.unknown"
    ISSUER = "issuer.unknown"
    REFERENCE = "reference.form"
    EMAIL = "email.form"
    PASSPORT_NUMBER = "passport.number"
    PASSPORT_ISSUED = "passport.issued"
    PASSPORT_ENDED = "passport.ended"
    PASSPORT_TOO_SHORT = "passport.too_short"
    PASSPORT_BEFORE_TERM = "passport.before_term"
    MRZ_UNREADABLE = "mrz.unreadable"
    MRZ_DIFFERS = "mrz.differs"
    NAME_HIDDEN = "name.hidden"
    NAME_MARKS = "name.marks"
    NAME_CHARACTER = "name.character"
    NAME_SPACE = "name.space"
    NAME_MACHINE = "name.machine"
    UPLOAD_EMPTY = "upload.empty"
    UPLOAD_TOO_LARGE = "upload.too_large"
    UPLOAD_KIND = "upload.kind"
    UPLOAD_NAME = "upload.name"
    UPLOAD_DAMAGED = "upload.damaged"
    UPLOAD_DIMENSIONS = "upload.dimensions"
    UPLOAD_POLYGLOT = "upload.polyglot"
    UPLOAD_ANIMATED = "upload.animated"
    PORTRAIT_SMALL = "portrait.small"
    SHEET_ENCODING = "sheet.encoding"
    SHEET_HEADER = "sheet.header"
    SHEET_COLUMNS = "sheet.columns"
    SHEET_QUOTE = "sheet.quote"
    SHEET_TOO_LONG = "sheet.too_long"
    SHEET_TOO_MANY = "sheet.too_many"
    SHEET_NUL = "sheet.nul"
    SHEET_EMPTY = "sheet.empty"
    SHEET_SAME_PASSPORT = "sheet.same_passport"
    SHEET_SAME_PERSON = "sheet.same_person"
    SHEET_SAME_REFERENCE = "sheet.same_reference"
    SHEET_NEAR = "sheet.near"
    FILE_PASSPORT = "file.passport"
    FILE_OPEN = "file.open_application"
    FILE_LOOK_ALIKE = "file.look_alike"
    NAME_UNCONFIRMED = "name.unconfirmed"
    REQUEST_HOSTED = "request.hosted_here"
    REQUEST_NOT_POSSIBLE = "request.not_possible"
    REQUEST_REFERENCE = "request.reference_reused"
    REQUEST_PASSPORT = "request.passport_reused"
    REGISTER_STATE = "register.state"
    ANSWER_EVENT = "answer.event"
    ANSWER_HOSTED = "answer.hosted_here"
    ANSWER_NOT_ASKED = "answer.not_asked"
    ANSWER_STATE = "answer.state"


FIXES: Final[Mapping[ProblemCode, str]] = MappingProxyType(
    {
        ProblemCode.MISSING: "Fill it in.",
        ProblemCode.UNKNOWN: "Leave it out, or compare its name with the template.",
        ProblemCode.TYPE: "Send it as text.",
        ProblemCode.TOO_LONG: "Shorten it.",
        ProblemCode.DATE: "Write the date as YYYY-MM-DD, as in 1984-05-17.",
        ProblemCode.BIRTH_FUTURE: "Compare the date with the passport.",
        ProblemCode.BIRTH_TOO_OLD: "Compare the date with the passport.",
        ProblemCode.SEX: "Write F, M or X as in the passport.",
        ProblemCode.CODE: "Copy the three letters from the passport.",
        ProblemCode.ISSUER: "Write the code of the economy that asks.",
        ProblemCode.REFERENCE: "Copy the reference that the other economy gave.",
        ProblemCode.EMAIL: "Compare the address with the application.",
        ProblemCode.PASSPORT_NUMBER: "Copy the number from the passport's last lines.",
        ProblemCode.PASSPORT_ISSUED: "Compare the date with the passport.",
        ProblemCode.PASSPORT_ENDED: "Ask for a passport that is in force.",
        ProblemCode.PASSPORT_TOO_SHORT: "Ask for a passport that lasts longer.",
        ProblemCode.PASSPORT_BEFORE_TERM: "Tell the applicant before you go on.",
        ProblemCode.MRZ_UNREADABLE: "Type the passport's last lines again.",
        ProblemCode.MRZ_DIFFERS: "Compare both with the passport, and correct one.",
        ProblemCode.NAME_HIDDEN: "Delete the character and type that place again.",
        ProblemCode.NAME_MARKS: "Type the letter with the marks of the passport.",
        ProblemCode.NAME_CHARACTER: "Write the name in letters, as in the passport.",
        ProblemCode.NAME_SPACE: "Remove that space.",
        ProblemCode.NAME_MACHINE: "Copy the name from the passport's last lines.",
        ProblemCode.UPLOAD_EMPTY: "Choose the file again.",
        ProblemCode.UPLOAD_TOO_LARGE: "Scan it again at 300 dpi, or split it.",
        ProblemCode.UPLOAD_KIND: "Save it as PDF, PNG or JPEG.",
        ProblemCode.UPLOAD_NAME: "Rename the file and upload it again.",
        ProblemCode.UPLOAD_DAMAGED: "Open the file and save it again.",
        ProblemCode.UPLOAD_DIMENSIONS: "Scan it again at 300 dpi.",
        ProblemCode.UPLOAD_POLYGLOT: "Ask for a new scan; keep this file for security.",
        ProblemCode.UPLOAD_ANIMATED: "Save one still picture.",
        ProblemCode.PORTRAIT_SMALL: "Ask for a larger picture.",
        ProblemCode.SHEET_ENCODING: "Save the sheet as CSV in UTF-8.",
        ProblemCode.SHEET_HEADER: "Copy the first line of the template.",
        ProblemCode.SHEET_COLUMNS: "Put text that holds a comma in quotes.",
        ProblemCode.SHEET_QUOTE: "Close the quotes; double a quote inside them.",
        ProblemCode.SHEET_TOO_LONG: "Look for a quote that is not closed.",
        ProblemCode.SHEET_TOO_MANY: "Split the sheet.",
        ProblemCode.SHEET_NUL: "Save the sheet again as CSV in UTF-8.",
        ProblemCode.SHEET_EMPTY: "Add at least one row.",
        ProblemCode.SHEET_SAME_PASSPORT: "Keep one of the two lines.",
        ProblemCode.SHEET_SAME_PERSON: "Keep one of the two lines.",
        ProblemCode.SHEET_SAME_REFERENCE: "Keep one of the two lines.",
        ProblemCode.SHEET_NEAR: "Compare them; confirm, or keep one of the two lines.",
        ProblemCode.FILE_PASSPORT: "Take the line out; enter it for that person.",
        ProblemCode.FILE_OPEN: "Take the line out.",
        ProblemCode.FILE_LOOK_ALIKE: "Compare them; confirm, or take the line out.",
        ProblemCode.NAME_UNCONFIRMED: "Copy the names from the passport's last lines.",
        ProblemCode.REQUEST_HOSTED: "Take the line out.",
        ProblemCode.REQUEST_NOT_POSSIBLE: "Take the line out, and tell who asks.",
        ProblemCode.REQUEST_REFERENCE: "Ask the other economy which of them it means.",
        ProblemCode.REQUEST_PASSPORT: "Ask the other economy which of them is right.",
        ProblemCode.REGISTER_STATE: "Write valid, lost, stolen or invalid.",
        ProblemCode.ANSWER_EVENT: "Write one of the words of the guide.",
        ProblemCode.ANSWER_HOSTED: "Take the line out; that economy answers here.",
        ProblemCode.ANSWER_NOT_ASKED: "Compare economy and reference.",
        ProblemCode.ANSWER_STATE: "Look at the case before you change the line.",
    }
)
"""What to do, in one sentence, for each code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault, for showing at its field.

    It never quotes what was typed, but for single characters as code points, dates
    and three-letter codes.
    """

    field: str
    """Name of the form's field, the sheet's column or the member; ``file`` for a whole
    file."""
    code: ProblemCode
    message: str
    """What is wrong, in one plain sentence."""

    @property
    def fix(self) -> str:
        """What to do, in one plain sentence."""
        return FIXES[self.code]
