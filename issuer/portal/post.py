"""How applicants are written to: `issuer.mail.queue_mail`, or what has its shape."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session


class QueueMail(Protocol):
    """Puts a message into the outbox, in the transaction of what it is about."""

    def __call__(  # noqa: PLR0917  # the order of `issuer.mail.queue_mail`
        self,
        session: Session,
        economy: str,
        to: str | None,
        kind: str,
        words: Mapping[str, str | int],
        now: datetime,
        *,
        ends_at: datetime | None = None,
        once_key: str | None = None,
    ) -> bool:
        """Queue a message; see `issuer.mail.queue_mail`."""
