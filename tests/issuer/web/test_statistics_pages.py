"""The statistics of an economy, as its staff see them and as others may."""

from issuer.store import Role
from tests.issuer.office.flow import Flow
from tests.issuer.web.front import Front


def test_staff_see_the_exact_figures_and_what_others_may_see(small: Front) -> None:
    flow = Flow(small.back)
    for _ in range(3):
        flow.active()
    browser = small.browser().enter(small.person("AUS", roles=[Role.AUDIT]))
    browser.get("/statistics")
    assert "These are exact figures" in browser.page
    assert '<th scope="row">AUS</th><td class="number">3</td>' in browser.page
    picture = browser.get("/statistics/cards-issued.dark.svg")
    assert picture.mimetype == "image/svg+xml"
    assert b'width="576pt"' in picture.data
    narrow = browser.get("/statistics/cards-issued.dark.svg?narrow=1")
    assert b'width="270pt"' in narrow.data, "letters are as large as the page's"
    assert "cards-issued.light.svg?narrow=1" in browser.page
    browser.get("/statistics?as=outside")
    assert '<th scope="row">AUS</th><td class="number">&lt;10</td>' in browser.page
    sheet = browser.get("/statistics/cards-issued.csv?as=outside")
    assert "outside.csv" in sheet.headers["Content-Disposition"]
    assert sheet.data.decode("utf-8-sig").splitlines()[-1].endswith('"AUS","<10"')
    for path in ("cards.csv", "cards-issued.red.svg", "requests-answered.light.svg"):
        assert browser.get(f"/statistics/{path}").status_code == 404


def test_a_page_of_a_moment_is_of_that_moment(small: Front) -> None:
    flow = Flow(small.back)
    browser = small.browser().enter(small.person("AUS", roles=[Role.AUDIT]))
    flow.active()
    browser.get("/statistics?at=2029-12-01T00:00:00Z")
    assert '<th scope="row">AUS</th><td class="number">0</td>' in browser.page
