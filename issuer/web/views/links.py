"""Links to destinations elsewhere: how they stand, and what needs a person."""

from flask import Response, flash

from issuer.web.access import Group, Needs, Pages
from issuer.web.forms import Form, submit
from issuer.web.here import go_to, perform, render

pages = Pages("links")


@pages.at(
    "/links",
    Needs("link.status"),
    menu=(
        "Links",
        "Whether offices elsewhere are reached, and what they refused.",
        "k",
        Group.NEIGHBOURS,
    ),
)
def index() -> Response:
    """Show how every link stands."""
    return render("links/index.html", links=perform("link.status", {}).links)


@pages.at("/links/<destination>", Needs("link.problems"))
def show(destination: str) -> Response:
    """Show what a destination refused, and which of its answers do not count."""
    return _page(destination, Form())


@pages.at("/links/<destination>/again", Needs("link.send_again"), methods=("POST",))
def send_again(destination: str) -> Response:
    """Send again in the next round what was refused."""
    form = Form.read()
    done = submit("link.send_again", form, {"destination": destination})
    if done is None:
        return _page(destination, form)
    flash(
        "The next round sends it again."
        if done.waiting
        else "Nothing waits that was refused."
    )
    return go_to("links.show", destination=destination)


def _page(destination: str, form: Form) -> Response:
    problems = perform("link.problems", {"destination": destination})
    links = perform("link.status", {}).links
    return render(
        "links/show.html",
        status=form.status,
        form=form,
        problems=problems,
        link=next(each for each in links if each.destination == destination),
    )
