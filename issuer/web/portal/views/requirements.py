"""What an economy asks of applicants: a page for everybody, and the same as JSON."""

from datetime import UTC, date, datetime, time
from typing import Any

from flask import Response, g, make_response, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from issuer.portal.opening import is_open
from issuer.requirements import RequirementFact, Requirements, requirements_of
from issuer.web.here import now
from issuer.web.portal import cookies
from issuer.web.portal.here import economy, read, render, scheme
from issuer.web.portal.pages import EVERYBODY, PortalPages, economies_of
from issuer.web.portal.words import w

_YEARS = (1000, 9998)


class PublicPages(PortalPages):
    """Pages about every economy of the scheme, also one that is not worked for here."""

    def _check(self) -> None:
        g.asked_economy = economy()
        if economy() not in scheme().economies:
            g.portal_economy = ""
            raise NotFound

        def work(session: Session) -> bool:
            g.portal_is_open = is_open(session, economy(), now())
            return economy() in economies_of(session)

        if read(work):
            cookies.load_visitor()
        else:
            g.portal_economy = ""  # nobody can sign in, or apply, to it here


pages = PublicPages("apply_requirements")


@pages.at("/requirements", EVERYBODY, navigation="navigation.requirements")
def index() -> Response:
    """Show what is asked, on a day."""
    try:
        at, problem = _at(), ""
    except ValueError:
        at, problem = now(), w("requirements.day.wrong")
    found = _found(at)
    return render(
        "apply/requirements.html",
        status=400 if problem else 200,
        found=found,
        sections=_sections(found),
        unknown=[w(f"requirements.key.{key}") for key in found.unknown],
        asked=[_asked(each) for each in found.asked],
        day=at.date(),
        problem=problem,
        code=g.asked_economy,
        about=_about,
    )


@pages.at("/requirements.json", EVERYBODY)
def data() -> Response:
    """Give the same facts to programs."""
    try:
        at = _at()
    except ValueError as error:
        raise BadRequest from error
    answer = make_response(_found(at).model_dump_json(indent=1).encode())
    answer.mimetype = "application/json"
    return answer


def _at() -> datetime:
    text = request.args.get("on", "")
    if not text:
        return now()
    day = date.fromisoformat(text)
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise ValueError("is no year of a fact")
    return datetime.combine(day, time(), UTC)


def _found(at: datetime) -> Requirements:
    code = g.asked_economy
    return read(
        lambda session: requirements_of(session, scheme(), code, at=at, now=now())
    )


_SECTIONS = (
    ("who", ("criteria",)),
    ("documents", ("asked_documents", "min_passport_validity")),
    ("steps", ("home_review_stages",)),
    ("fees", ("fees",)),
    ("card", ("issues_forms", "card_term_years", "extends_with_passport")),
    ("loss", ("police_report_on_loss", "loss_bar")),
)


def _sections(found: Requirements) -> list[tuple[str, list[Any]]]:
    return [
        (
            w(f"requirements.{name}"),
            [(_says(each), each) for key in keys for each in _of(found.facts, key)],
        )
        for name, keys in _SECTIONS
    ]


def _of(facts: list[RequirementFact], key: str) -> list[RequirementFact]:
    return [each for each in facts if each.key == key]


def _says(fact: RequirementFact) -> str | list[str]:
    """Put a fact into words; a list of stages stays one."""
    says = fact.says
    match fact.key:
        case "criteria":
            return str(says["text"])
        case "asked_documents":
            kind = w(f"document.{says['kind']}")
            text = w("requirements.document", kind=kind, text=says["text"])
            return text if says["required"] else w("requirements.optional", text=text)
        case "home_review_stages":
            return [_plain(stage) for stage in says["value"]]
        case "fees":
            return w("requirements.fee", **{**says, "kind": _plain(says["kind"])})
        case "min_passport_validity":
            return w("requirements.passport", **_with_unit(says))
        case "issues_forms" | "on_passport_change" | "disclose_refusal":
            return w(f"requirements.{fact.key}.{str(says['value']).lower()}")
        case "police_report_on_loss":
            return w(f"requirements.police.{str(says['value']).lower()}")
        case _:
            return w(f"requirements.says.{fact.key}", **says)


def _with_unit(says: dict[str, Any]) -> dict[str, Any]:
    return {
        "value": says["value"],
        "unit": w(f"requirements.unit.{says['unit']}"),
        "moment": w(f"requirements.moment.{says['moment']}"),
    }


def _plain(slug: str) -> str:
    return slug.replace("_", " ").capitalize()


def _asked(each: Any) -> dict[str, Any]:
    by_key = {fact.key: fact for fact in each.facts}
    target = by_key.get("service_target_days")
    change = by_key.get("on_passport_change")
    days = each.answers.median_days
    return {
        "name": each.name,
        "target": (w("requirements.days", days=target.says["value"]), target)
        if target
        else None,
        "measured": None if days is None else w("requirements.days", days=f"{days:g}"),
        "change": (_says(change), change) if change else None,
    }


def _about(fact: RequirementFact) -> str:
    """Say how sure a fact is, who says so, and when it holds."""
    parts = [w(f"requirements.mark.{fact.mark}"), fact.source]
    if fact.starts_at:
        parts.append(w("requirements.from", day=_moment(fact.starts_at)))
    if fact.ends_at:
        parts.append(w("requirements.until", day=_moment(fact.ends_at)))
    return " · ".join(parts)


def _moment(at: datetime) -> str:
    """Say a day, with the time where another economy's day has begun already."""
    return f"{at:%-d %B %Y}" if at.time() == time() else f"{at:%-d %B %Y, %H:%M UTC}"
