"""Configuration: facts of economies on a day, versions of the scheme, signing keys."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, flash, make_response, request

from issuer.web.access import Group, Needs, Pages
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import actor, go_to, now, perform, render

pages = Pages("configuration")
_MAX_TEXT = 512 * 1024


@pages.at(
    "/configuration",
    Needs("scheme.preview"),
    menu=(
        "Configuration",
        "Facts of economies, versions, signing keys.",
        "g",
        Group.OFFICE,
    ),
)
def index() -> Response:
    """Show how things stand on a day."""
    form, at = _day()
    version = request.args.get("version", type=int)
    preview = perform("scheme.preview", {"at": at, "id": version})
    return render(
        "configuration/index.html",
        status=form.status,
        form=form,
        preview=preview,
        version=version,
        day=at.date(),
    )


@pages.at("/configuration/economies/<code>", Needs("economy.show"))
def economy(code: str) -> Response:
    """Show the facts about an economy that hold on a day."""
    form, at = _day()
    found = perform("economy.show", {"code": code.upper(), "at": at})
    facts: dict[str, list[Any]] = {}
    for each in found.facts:
        facts.setdefault(each.key, []).append(each)
    return render(
        "configuration/economy.html",
        status=form.status,
        form=form,
        found=found,
        facts=facts,
        day=at.date(),
    )


@pages.at("/configuration/versions", Needs("scheme.list"))
def versions() -> Response:
    """List the versions of the scheme."""
    return _versions(Form())


@pages.at(
    "/configuration/versions/new", Needs("scheme.propose"), methods=("GET", "POST")
)
def propose() -> Response:
    """Propose a version: the whole file, checked whole."""
    form = Form.read()
    if request.method == "POST":
        upload = request.files.get("file")
        data = upload.stream.read(_MAX_TEXT + 1) if upload else b""
        text = data.decode("utf-8", "replace") or form.get("text")
        form.values["text"] = text = text.replace("\r\n", "\n")
        if not text.strip():
            form.refuse("text", "Paste the file, or choose it.")
        else:
            typed, form.values = form.values, {REASON: form.get(REASON)}
            done = submit("scheme.propose", form, {"text": text})
            form.values = typed
            if done is not None:
                flash(f"Version {done.id} is proposed. Another person decides.")
                return go_to("configuration.version", version=done.id)
    return render("configuration/new.html", status=form.status, form=form)


@pages.at("/configuration/scheme.toml", Needs("scheme.text"))
def text() -> Response:
    """Download the file of a version, by default of the one in force."""
    version = request.args.get("version", type=int)
    answer = make_response(perform("scheme.text", {"id": version}).text.encode())
    answer.mimetype = "application/toml"
    name = f"scheme-{version}.toml" if version else "scheme.toml"
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


@pages.at("/configuration/versions/<int:version>", Needs("scheme.diff"))
def version(version: int) -> Response:
    """Show what a version changes."""
    return _version(version, Form())


@pages.at(
    "/configuration/versions/<int:version>/approve",
    Needs("scheme.approve"),
    methods=("POST",),
)
def approve(version: int) -> Response:
    """Put a version in force, as the second person."""
    return _decide("scheme.approve", version, "It is in force from now on.")


@pages.at(
    "/configuration/versions/<int:version>/reject",
    Needs("scheme.reject"),
    methods=("POST",),
)
def reject(version: int) -> Response:
    """Put a version away."""
    return _decide("scheme.reject", version, "It was put away; nothing has changed.")


@pages.at("/configuration/keys", Needs("key.list"))
def keys() -> Response:
    """List the signing keys with their ages."""
    return render("configuration/keys.html", found=perform("key.list", {}))


def _decide(operation: str, version: int, done: str) -> Response:
    form = Form.read()
    if submit(operation, form, {"id": version}) is None:
        return _version(version, form)
    flash(done)
    return go_to("configuration.version", version=version)


def _versions(form: Form) -> Response:
    listed = perform("scheme.list", {}).versions
    return render("configuration/versions.html", form=form, versions=listed)


def _version(version: int, form: Form) -> Response:
    against = request.args.get("against", type=int)
    changes = perform("scheme.diff", {"id": version, "against": against}).changes
    listed = perform("scheme.list", {}).versions
    return render(
        "configuration/version.html",
        status=form.status,
        form=form,
        version=next(each for each in listed if each.id == version),
        versions=listed,
        against=against,
        changes=changes,
        is_own=any(
            each.id == version and each.proposed_by == actor().account_id
            for each in listed
        ),
    )


def _day() -> tuple[Form, datetime]:
    form = Form(values=request.args.to_dict())
    wanted = form.get("on").strip()
    if not wanted:
        form.values["on"] = f"{now():%Y-%m-%d}"
        return form, now()
    try:
        return form, datetime.fromisoformat(wanted).replace(tzinfo=UTC)
    except ValueError:
        form.refuse("on", "Write the day as YYYY-MM-DD.")
        return form, now()
