"""The accounts of an economy, for its administrators."""

from flask import Response, flash, request

from issuer.store import AccountKind, Role
from issuer.web.access import Group, Needs, Pages
from issuer.web.forms import Form, submit
from issuer.web.here import actor, go_to, perform, render

pages = Pages("accounts")


@pages.at(
    "/accounts",
    Needs("account.list"),
    menu=("Accounts", "Who works here, and what they may do.", "8", Group.OFFICE),
)
def index() -> Response:
    """List the accounts."""
    fields = {
        "after": request.args.get("after") or None,
        "include_closed": "closed" in request.args,
    }
    page = perform("account.list", fields)
    return render("accounts/index.html", page=page, closed="closed" in request.args)


@pages.at("/accounts/new", Needs("account.create"), methods=("GET", "POST"))
def new() -> Response:
    """Make an account."""
    form = Form.read()
    if request.method == "POST":
        made = submit("account.create", form)
        if made is not None:
            return render("accounts/code.html", made=made)
    kinds = (AccountKind.PERSON, AccountKind.PROGRAM)
    return render("accounts/new.html", status=form.status, form=form, kinds=kinds)


@pages.at("/accounts/<int:account>", Needs("account.show"))
def show(account: int) -> Response:
    """Show an account."""
    return _page(account, Form())


@pages.at("/accounts/<int:account>/role", Needs("role.give"), methods=("POST",))
def give_role(account: int) -> Response:
    """Give a role."""
    form = Form.read()
    given = submit("role.give", form, {"account": account})
    if given is None:
        return _page(account, form)
    flash(
        "The role counts once another administrator has confirmed it."
        if form.get("role") in given.waiting_roles
        else "The role holds from the next page on."
    )
    return go_to("accounts.show", account=account)


@pages.at(
    "/accounts/<int:account>/confirm", Needs("account.confirm"), methods=("POST",)
)
def confirm(account: int) -> Response:
    """Confirm what another administrator has given."""
    return _change("account.confirm", account, "Confirmed; it counts from now on.")


@pages.at("/accounts/<int:account>/role/take", Needs("role.take"), methods=("POST",))
def take_role(account: int) -> Response:
    """Take a role."""
    return _change("role.take", account, "The role is gone from the next page on.")


@pages.at("/accounts/<int:account>/close", Needs("account.close"), methods=("POST",))
def close(account: int) -> Response:
    """Close an account."""
    return _change("account.close", account, "The account is closed.")


@pages.at("/accounts/<int:account>/link", Needs("account.link"), methods=("POST",))
def link(account: int) -> Response:
    """Link an account to the ministry's sign-on."""
    return _change("account.link", account, "The link to the sign-on was changed.")


@pages.at(
    "/accounts/<int:account>/reset", Needs("account.reset_factors"), methods=("POST",)
)
def reset(account: int) -> Response:
    """Let somebody start anew, with a one-time code."""
    form = Form.read()
    made = submit("account.reset_factors", form, {"account": account})
    if made is None:
        return _page(account, form)
    return render("accounts/code.html", made=made)


@pages.at("/accounts/<int:account>/keys", Needs("api_key.make"), methods=("POST",))
def make_key(account: int) -> Response:
    """Make an API key."""
    form = Form.read()
    made = submit("api_key.make", form, {"account": account})
    if made is None:
        return _page(account, form)
    return render("accounts/key.html", made=made, account=account, waits=made.waits)


@pages.at(
    "/accounts/<int:account>/keys/<int:key>", Needs("api_key.close"), methods=("POST",)
)
def close_key(account: int, key: int) -> Response:
    """End an API key."""
    form = Form.read()
    if submit("api_key.close", form, {"key": key}) is None:
        return _page(account, form)
    flash("The key is ended.")
    return go_to("accounts.show", account=account)


def _change(operation: str, account: int, done: str) -> Response:
    form = Form.read()
    if submit(operation, form, {"account": account}) is None:
        return _page(account, form)
    flash(done)
    return go_to("accounts.show", account=account)


def _page(account: int, form: Form) -> Response:
    shown = perform("account.show", {"account": account})
    return render(
        "accounts/show.html",
        status=form.status,
        form=form,
        account=shown,
        is_own=shown.account == actor().account_id,
        something_waits=shown.waits
        or shown.waiting_roles
        or any(key.waits and not key.closed_at for key in shown.api_keys),
        free_roles=[
            role for role in Role if role not in (*shown.roles, *shown.waiting_roles)
        ],
    )
