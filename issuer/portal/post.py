"""How an applicant is written to: whoever sends mail is given to the pages."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from issuer.errors import Conflict


class QueueMail(Protocol):
    """Puts a message into the outbox, in the transaction of what it is about."""

    def __call__(
        self,
        session: Session,
        *,
        economy: str,
        to: str,
        kind: str,
        words: Mapping[str, str],
        now: datetime,
    ) -> object:
        """Queue a message.

        Args:
            session: Of the transaction; without it nothing is sent.
            economy: In whose name, alpha-3.
            to: One address.
            kind: Which message; such as ``code``.
            words: What is filled in.
            now: The moment.
        """


def no_mail(
    session: Session,
    *,
    economy: str,
    to: str,
    kind: str,
    words: Mapping[str, str],
    now: datetime,
) -> object:
    """Refuse: nobody was told how to send mail.

    Raises:
        Conflict: ``mail.none``.
    """
    raise Conflict("mail.none", "this installation sends no mail")
