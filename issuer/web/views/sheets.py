"""Sheets for download: the pages of an export, one behind the other."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from flask import Response, make_response

from issuer.errors import IssuerError
from issuer.exporting import MAX_ROWS
from issuer.web.forms import REASON, Form
from issuer.web.here import perform


def download(operation: str, form: Form, fields: Mapping[str, Any]) -> Response | None:
    """Return a whole sheet, as an attachment.

    Args:
        operation: One that answers with pages of a sheet; each is logged.
        form: Says why, and takes the problems.
        fields: Which rows.

    Returns:
        CSV in UTF-8; None where it was refused.
    """
    why = form.get(REASON).strip()
    if not why:
        form.refuse(REASON, _SAY_WHY)
        return None
    try:
        pages = list(_pages(operation, fields, why))
    except IssuerError as error:
        if not form.take(error):
            raise
        return None
    answer = make_response("".join(page.text for page in pages).encode())
    answer.mimetype = "text/csv"
    answer.headers.set("Content-Disposition", "attachment", filename=pages[0].name)
    return answer


_SAY_WHY: Final = "Say why, in a few words; it goes to the audit log."


def _pages(operation: str, fields: Mapping[str, Any], why: str) -> Iterator[Any]:
    after: int | None = None
    while True:
        asked = {**fields, "limit": MAX_ROWS, "after": after}
        page = perform(operation, asked, reason=why)
        yield page
        after = page.after
        if after is None:
            return
