"""What the audit log may say: for each tag, the fields that a row of it may have.

A tag is ``<kind of record>:<what was done>``.  Fields hold numbers of records, states,
codes and counts.  A traveller's name, birth date or passport is never among them: who
may read the log is not who may read the record.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_STATES: Final = frozenset({"before", "after"})


def _tag(*fields: str) -> frozenset[str]:
    return frozenset(fields)


ALLOWED: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        # The installation.
        "economy:hosted": _tag("is_test"),
        "account:created": _tag("login", "kind"),
        "account:closed": _tag(),
        "account:confirmed": _tag("person", "roles", "keys"),
        "account:role_given": _tag("role"),
        "account:role_taken": _tag("role"),
        "account:factor_added": _tag("factor"),
        "account:factor_removed": _tag("factor"),
        "account:password_changed": _tag(),
        "account:signed_in": _tag("factor"),
        "account:refused": _tag("why"),
        "account:signed_out": _tag(),
        "api_key:made": _tag("key", "ends_at"),
        "api_key:closed": _tag("key"),
        "scheme:proposed": _tag("sha256"),
        "scheme:approved": _tag("sha256", "proposed_by"),
        "scheme:rejected": _tag("sha256", "proposed_by"),
        "signing_key:published": _tag("key_id", "use"),
        "signing_key:added": _tag("key_id", "use"),
        "signing_key:retired": _tag("key_id", "use"),
        "request:made": _tag("card", "kind", "suspended"),
        "request:taken_back": _tag("card", "kind"),
        "request:read": _tag("card", "kind"),
        "request:settled": _tag("card", "kind", "after"),
        "mail:retried": _tag("kind"),
        "mail:dropped": _tag("kind"),
        # Reading.
        "queue:read": _tag("queue", "records", "count"),
        "application:read": _tag(),
        "card:read": _tag(),
        "document:read": _tag("document", "kind"),
        "preclearance:read": _tag(),
        "audit:read": _tag("from_seq", "to_seq"),
        "report:read": _tag("report"),
        "export:made": _tag("export", "count"),
        # Applications.
        "application:entered": _tag("number", "person", "passport"),
        "application:corrected": _tag("fields"),
        "application:document_added": _tag("document", "kind", "sha256"),
        "application:chip_read": _tag("passport", "outcome", "authority"),
        "application:submit": _STATES,
        "application:open": _STATES,
        "application:pass_stage": _STATES | {"stage", "position"},
        "application:approve": _STATES | {"card"},
        "application:refuse": _STATES,
        "application:circulate": _STATES | {"destinations"},
        "application:close": _STATES,
        "application:withdraw": _STATES,
        # Pre-clearance; subjects are ``preclearance:<n>``.
        **{
            f"preclearance:{event}": _STATES
            | {"card", "destination", "issuer", "statement", "bulk"}
            for event in (
                "send",
                "remind",
                "ask_again",
                "approve",
                "refuse",
                "reconsider",
                "suspend",
                "reinstate",
                "withdraw",
                "repend",
                "lapse",
                "carried_over",
            )
        },
        "preclearance:screened": _tag("hits", "list_version"),
        "preclearance:hit_settled": _tag("hit", "after"),
        "preclearance:received": _tag("issuer", "card"),
        "link:opened": _tag(),
        "link:sent_again": _tag("count"),
        "preclearance:held": _tag("event"),
        "preclearance:undone": _tag("event"),
        "preclearance:not_sent": _tag("event", "code"),
        # Cards and credentials.
        **{
            f"card:{event}": _STATES | {"reason_code", "continues", "continued_by"}
            for event in (
                "activate",
                "suspend",
                "restore",
                "report_lost",
                "cancel",
                "supersede",
                "expire",
            )
        },
        "card:created": _tag("application", "person", "continues"),
        "card:imported": _tag("document_number"),
        "card:changed_by_issuer": _STATES,
        "card:credential_told": _STATES | {"form", "list", "index"},
        "card:loss_counted": _tag("what", "losses", "police_report"),
        "card:passport_linked": _tag(
            "passport", "before", "keep", "repend", "drop", "expires"
        ),
        "card:passport_reported": _STATES | {"passport"},
        **{
            f"credential:{event}": _STATES
            | {"card", "form", "list", "index", "reason_code", "issue"}
            for event in (
                "prepared",
                "sign",
                "void",
                "refresh",
                "suspend",
                "restore",
                "revoke",
                "supersede",
                "expire",
            )
        },
        "issue:intended": _tag("credential", "key_id", "claims_sha256", "form"),
        "issue:signed": _tag("credential", "key_id", "claims_sha256"),
        "issue:void": _tag("credential", "why"),
        "status_list:opened": _tag("number", "capacity"),
        "status_list:closed": _tag("number", "ends_unknown"),
        "plastic:made": _tag("credential", "design"),
        "plastic:read": _tag("credential", "design"),
        "plastic:batched": _tag("batch", "count", "design", "sums_sha256"),
        "plastic:archive_removed": _tag("count"),
        "plastic:handed_over": _STATES | {"credential"},
        "plastic:spoiled": _STATES | {"credential"},
        # Holders' phones.
        "offer:made": _tag("card", "at_counter", "by_phone", "online"),
        "offer:cancelled": _tag("card"),
        "offer:redeemed": _tag("card", "phone"),
        "offer:dead": _tag("card"),
        "offer:declined": _tag("card", "phone"),
        "offer:read": _tag("records", "count"),
        "phone:suspended": _tag("card", "credential", "how"),
        "phone:removed": _tag("card", "phone", "by_phone"),
        "phone:lost_locked": _tag("card"),
        "phone:basis_asked": _tag("card", "phone"),
        # Officers' devices; nothing is logged of each batch, which has its own chain.
        "device:enrolled": _tag("public_key"),
        "device:retired": _tag(),
        "device:file_collected": _tag("batches", "rows"),
        "device:rows_removed": _tag("count", "keep_days"),
        # Carriers.
        "carrier:asked": _tag("client", "count", "gives"),
        # Other economies' systems.
        "client:added": _tag("client_id", "scopes"),
        "client:confirmed": _tag(),
        "client:retired": _tag(),
        "webhook:made": _tag("client", "event"),
        "webhook:retired": _tag("client"),
        "webhook:revived": _tag("client"),
        "statement:taken": _tag("destination", "taken", "known", "refused"),
        "application:letter_made": _tag(),
        "application:letter_used": _tag("letter"),
        "application:came_in": _tag("client"),
        "submission:held": _tag("client", "code"),
        "submission:read": _tag(),
        "submission:taken": _tag("application"),
        "submission:dismissed": _tag(),
        # This economy's register of its passports, and asking others about theirs.
        "passport:set": _STATES,
        "passport:asked": _tag("owner", "status"),
        "passport:list_asked": _tag("owner", "count", "hits"),
        "passport:hits_read": _tag("count"),
        "passport:hit_closed": _tag(),
        # Applicants online; subjects are ``portal:<n>`` and ``online:<n>``.
        "portal:opened": _tag("opens_at", "closes_at"),
        "portal:closed": _tag("closes_at"),
        "online:submitted": _tag("application", "documents"),
        "online:held": _tag("code"),
        "online:taken": _tag("application"),
        "online:dismissed": _tag(),
        "online:read": _tag(),
        "payment:received": _STATES | {"payment"},
        "payment:refunded": _STATES | {"payment"},
        "payment:cancelled": _STATES | {"payment"},
        # Many at once.
        "bulk:proposed": _tag("action", "size"),
        "bulk:approved": _tag("action", "size", "proposed_by"),
        "bulk:rejected": _tag("action", "proposed_by"),
        "bulk:done": _tag("action", "done", "refused"),
        "import:started": _tag("kind", "rows", "sha256", "confirmed"),
        "import:done": _tag("kind", "rows", "sha256"),
        "import:abandoned": _tag("kind", "rows", "saved", "sha256"),
        "demo:filled": _tag("rows"),
        # Outside.
        "publication:published": _tag("version", "lists", "ended"),
        "publication:submitted": _tag("version", "lists"),
        "publication:refused": _tag("code"),
        "shrink:proposed": _tag("shrinks"),
        "shrink:approved": _tag("proposed_by"),
        "backup:made": _tag("sha256", "rows"),
        "backup:restored": _tag("sha256"),
        "backup:reconcile_proposed": _tag("digest"),
        "backup:reconciled": _tag(
            "digest", "proposed_by", "revoked", "unknown", "burnt", "lost_seq"
        ),
        "reconciliation:done": _tag("unknown", "unlogged", "differing", "unfounded"),
    }
)
