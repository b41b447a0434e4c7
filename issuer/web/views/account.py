"""One's own account: sessions, factors, password."""

from flask import Response, flash, request

from issuer.errors import IssuerError
from issuer.web import cookies
from issuer.web.access import SIGNED_IN, Group, Needs, Pages
from issuer.web.forms import Form, submit
from issuer.web.here import actor, go_to, now, perform, render, signed_in, site
from issuer.web.views.sign_in import add_factor, offer_factors

pages = Pages("account")


@pages.at(
    "/account",
    SIGNED_IN,
    menu=("My account", "Password, factors, sessions.", "9", Group.OWN),
)
def index() -> Response:
    """Show the account of who asks."""
    return _page(Form())


@pages.at("/account/password", Needs("password.change"), methods=("GET", "POST"))
def password() -> Response:
    """Change the password."""
    form = Form.read()
    if request.method == "POST" and _change_password(form):
        # Every session has ended; this browser gets a new one.
        cookies.begin(account_id=actor().account_id, is_signed_in=True)
        flash("Your password was changed. All other browsers were signed out.")
        return go_to("account.index")
    return render("account/password.html", status=form.status, form=form)


@pages.at("/account/sessions/<int:session>", Needs("session.end"), methods=("POST",))
def end_session(session: int) -> Response:
    """Sign another browser out."""
    submit("session.end", Form.read(), {"session": session}, needs_reason=False)
    flash("That browser was signed out.")
    return go_to("account.index")


@pages.at("/account/factors", SIGNED_IN, methods=("GET", "POST"))
def factors() -> Response:
    """Add an authenticator app or a passkey."""
    who, form = signed_in(), Form.read()
    if who is None or not who.is_fresh(now()):
        return render("account/stale.html", status=403)
    number = actor().account_id
    if request.method == "POST" and add_factor(who, number, form):
        cookies.begin(account_id=number, is_signed_in=True)
        flash("You can sign in with it from now on.")
        return go_to("account.index")
    return offer_factors(who, number, form, "account/factors.html")


@pages.at("/account/passkeys/<int:passkey>", SIGNED_IN, methods=("POST",))
def remove_passkey(passkey: int) -> Response:
    """Take a passkey away."""
    who, form = signed_in(), Form.read()
    if who is None or not who.is_fresh(now()):
        return render("account/stale.html", status=403)
    try:
        site().entrance.remove_passkey(actor().account_id, passkey, now=now())
    except IssuerError as error:
        if not form.take(error):
            raise
        return _page(form)
    cookies.begin(account_id=actor().account_id, is_signed_in=True)
    flash("The passkey was removed.")
    return go_to("account.index")


def _change_password(form: Form) -> bool:
    if form.get("new") != form.get("again"):
        form.refuse("again", "The two passwords are not the same.")
        return False
    fields = {"current": form.get("current"), "new": form.get("new")}
    form.values = {}
    done = submit("password.change", form, fields, needs_reason=False)
    return done is not None


def _page(form: Form) -> Response:
    who = signed_in()
    return render(
        "account/index.html",
        status=form.status,
        form=form,
        roles=sorted(actor().roles),
        factors=site().entrance.factors(actor().account_id),
        sessions=perform("session.list", {}).sessions if actor().roles else [],
        own=who.session_id if who else None,
    )
