"""Officers' devices: which send their scan logs, and what is wrong with those."""

from flask import Response, flash, make_response, request

from issuer.web.access import Group, Needs, Pages
from issuer.web.forms import REASON, Form, submit
from issuer.web.here import go_to, perform, render

pages = Pages("devices")


@pages.at(
    "/devices",
    Needs("device.list"),
    menu=(
        "Devices",
        "Officers' devices, and whether their logs are whole.",
        "d",
        Group.OFFICE,
    ),
)
def index() -> Response:
    """List the devices."""
    return _list(Form())


@pages.at("/devices/enrol", Needs("device.enrol"), methods=("POST",))
def enrol() -> Response:
    """Enrol a device."""
    form = Form.read()
    made = submit("device.enrol", form)
    if made is None:
        return _list(form)
    flash("The device is enrolled. Put its file on it.")
    return go_to("devices.show", device=made.device)


@pages.at("/devices/<int:device>", Needs("device.show"))
def show(device: int) -> Response:
    """Show a device."""
    return _page(device, Form())


@pages.at("/devices/<int:device>/collector.json", Needs("device.show"))
def file(device: int) -> Response:
    """Download what is put on the device; nothing in it is secret."""
    found = perform("device.show", {"device": device})
    answer = make_response(found.collector.model_dump_json().encode())
    answer.mimetype = "application/json"
    answer.headers.set(
        "Content-Disposition", "attachment", filename=f"collector-{device}.json"
    )
    return answer


@pages.at("/devices/<int:device>/retire", Needs("device.retire"), methods=("POST",))
def retire(device: int) -> Response:
    """Take nothing from a device any more."""
    form = Form.read()
    if submit("device.retire", form, {"device": device}) is None:
        return _page(device, form)
    flash("The device is retired. What it has sent stays.")
    return go_to("devices.show", device=device)


def _list(form: Form) -> Response:
    retired = "retired" in request.args
    after = request.args.get("after", type=int)
    if not form.get(REASON):
        form.values[REASON] = "a device of ours"
    return render(
        "devices/index.html",
        status=form.status,
        form=form,
        retired=retired,
        after=after,
        page=perform("device.list", {"include_retired": retired, "after": after}),
    )


def _page(device: int, form: Form) -> Response:
    return render(
        "devices/show.html",
        status=form.status,
        form=form,
        device=perform("device.show", {"device": device}),
    )
