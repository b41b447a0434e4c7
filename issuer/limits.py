"""How much one operator may do alone in an hour: one bad account does bounded harm.

What two people do, a bulk change, does not count.
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from issuer.errors import Conflict
from issuer.lifecycle import PRECLEARANCE, Side
from issuer.office import Desk
from issuer.store import AuditRow

Kind = Literal["issue", "revoke", "decide"]
WINDOW: Final = timedelta(hours=1)

_TAGS: Final[Mapping[Kind, frozenset[str]]] = MappingProxyType(
    {
        "issue": frozenset({"issue:intended"}),
        "revoke": frozenset(
            {"card:cancel", "card:suspend", "card:report_lost", "credential:revoke"}
        ),
        "decide": frozenset(
            f"preclearance:{step.event}"
            for step in PRECLEARANCE
            if Side.DESTINATION in step.by
        ),
    }
)
_IN_BULK: Final = '%"bulk%'
"""In the fields of a row whose change two people answer for: the number of the bulk
change, by itself or as a reason code."""
_DONE: Final = (
    select(func.count())
    .select_from(AuditRow)
    .where(
        AuditRow.actor_id == bindparam("actor"),
        AuditRow.at > bindparam("since"),
        AuditRow.tag.in_(bindparam("tags", expanding=True)),
        AuditRow.fields.not_like(_IN_BULK),
    )
)


def check_limit(session: Session, desk: Desk, kind: Kind, *, more: int = 1) -> None:
    """Refuse what would be more than one operator may do in an hour.

    Call it in the transaction of the change: the economy's log is held then, so that
    two requests at once cannot both be the last.

    Args:
        session: Of the change.
        desk: Who acts, and when.
        kind: What is counted, by the rows of the audit log.
        more: How many are to be done now.

    Raises:
        Conflict: ``limit.operator``.

    Source: the settings, table ``limits``.
    """
    most = getattr(desk.office.installation.limits, kind)
    done = session.scalar(
        _DONE,
        {
            "actor": desk.actor.account_id,
            "since": desk.now - WINDOW,
            "tags": sorted(_TAGS[kind]),
        },
    )
    if (done or 0) + more > most:
        raise Conflict(
            "limit.operator",
            f"nobody may {kind} more than {most} in an hour alone;"
            " propose a bulk change for a second person to release",
        )
