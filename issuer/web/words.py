"""How things are said on the pages: moments, roles, the menu."""

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from flask import Flask
from markupsafe import Markup

from issuer.store import AccountKind, Role
from issuer.web.access import Group, MenuEntry
from issuer.web.cookies import FORM_TOKEN, form_token
from issuer.web.here import may, now, signed_in, site

ROLES: Final = MappingProxyType(
    {
        Role.INTAKE: "Intake: enters and corrects applications",
        Role.VETTING: "Vetting: reviews and decides applications",
        Role.ISSUING: "Issuing: issues, replaces and ends cards",
        Role.PRECLEARANCE: "Pre-clearance: answers other economies",
        Role.PUBLISHING: "Publishing: publishes lists and documents",
        Role.AUDIT: "Audit: reads the log and the reports",
        Role.ADMIN: "Administration: accounts, configuration, keys",
    }
)
KINDS: Final = MappingProxyType(
    {
        AccountKind.PERSON: "Person",
        AccountKind.PROGRAM: "Program",
        AccountKind.SYSTEM: "The installation itself",
    }
)


def install(app: Flask) -> None:
    """Give the templates their words."""
    app.add_template_filter(moment)
    app.add_template_filter(day)
    app.add_template_filter(role_text, "role")
    app.add_template_filter(role_pair)
    app.add_template_filter(kind_text, "kind")
    app.context_processor(_every_page)


def day(value: datetime) -> str:
    """Return a day as people write it: ``4 May 2026``."""
    at = value.astimezone(UTC)
    return f"{at.day} {at:%B %Y}"


def moment(value: datetime) -> Markup:
    """Return a moment with its zone, readable by machines as well."""
    at = value.astimezone(UTC)
    machine = at.isoformat(timespec="seconds")
    return Markup('<time datetime="{}">{}, {}</time>').format(
        machine, day(at), f"{at:%H:%M} UTC"
    )


def role_text(role: Role) -> str:
    """Return a role in a few words."""
    return ROLES[role]


def role_pair(role: Role) -> tuple[str, str]:
    """Return a role as a choice of a form."""
    return role.value, ROLES[role]


def kind_text(kind: AccountKind) -> str:
    """Return what stands behind an account."""
    return KINDS[kind]


def menu() -> list[MenuEntry]:
    """Return the pages that who asks may open from the menu."""
    return [entry for entry in site().menu if signed_in() and may(entry.access)]


def menu_groups() -> list[tuple[str, list[MenuEntry]]]:
    """Return the same pages under their headings; no heading stands alone."""
    shown = menu()
    groups = ((g.value, [e for e in shown if e.group is g]) for g in Group)
    return [(heading, entries) for heading, entries in groups if entries]


def _every_page() -> dict[str, Any]:
    who = signed_in()
    return {
        "who": who,
        "economy": _economy() if who else None,
        "menu": menu(),
        "menu_groups": menu_groups(),
        "form_token": form_token,
        "FORM_TOKEN": FORM_TOKEN,
        "now": now,
        "has_sign_on": site().sign_on is not None,
    }


def _economy() -> str | None:
    who = signed_in()
    if who is None or who.actor is None:
        return None
    return site().office.packaged_scheme.economy(who.actor.economy).name
