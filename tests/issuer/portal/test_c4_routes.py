"""Every page for applicants is in a table written by hand: who may see it."""

from issuer.web.access import EVERYBODY, SIGNED_IN
from issuer.web.portal.all_pages import VIEWS
from tests.issuer.portal.applicant import Portal

OPEN = {
    "apply.index", "apply.sign_in", "apply.code",
    "apply_requirements.index", "apply_requirements.data",
}  # fmt: skip
STEPS = {"passport", "contact", "documents", "portrait", "declaration", "payment"}
CLOSED = {
    "apply.sign_out",
    *(f"apply_online.{each}" for each in STEPS),
    *(f"apply_online.{each}" for each in (
        "index", "begin", "review", "hand_in", "done", "delete", "file", "remove_file",
    )),
    *(f"apply_track.{each}" for each in (
        "index", "show", "passport", "lost", "phone", "renewal", "take_request_back",
        "join_paper",
    )),
}  # fmt: skip


def test_c4_every_page_is_in_the_table(small: Portal) -> None:
    """A page that nobody has thought about fails the build."""
    found = {
        rule.endpoint
        for rule in small.app.url_map.iter_rules()
        if rule.endpoint.startswith("apply")
    }
    assert found == OPEN | CLOSED
    access = {name: who for pages in VIEWS for name, who in pages.access.items()}
    assert {name for name in access if access[name] is EVERYBODY} == OPEN
    assert {name for name in access if access[name] is SIGNED_IN} == CLOSED


def test_c4_who_has_not_signed_in_sees_nothing_of_it(small: Portal) -> None:
    """Nor does somebody whose code has not been shown yet."""
    nobody, half = small.browser(), small.browser()
    half.ask("ann@example.com")
    rules = [rule for rule in small.app.url_map.iter_rules() if rule.endpoint in CLOSED]
    for rule in rules:
        values = {"economy": "AUS", **dict.fromkeys(rule.arguments - {"economy"}, 1)}
        path = small.app.url_map.bind("localhost").build(
            rule.endpoint,
            values,
            method="POST" if "GET" not in (rule.methods or set()) else "GET",
        )
        for browser in (nobody, half):
            browser.get("/apply/AUS/sign-in")
            if "GET" in (rule.methods or set()):
                assert (
                    browser.get(path)
                    .headers["Location"]
                    .startswith("/apply/AUS/sign-in")
                )
            if "POST" in (rule.methods or set()):
                browser.get("/apply/AUS/sign-in")
                assert browser.post(path).status_code == 401, path
