"""docs/web-services.md names every code and every check that there is."""

import re
from pathlib import Path

from issuer.services.conformance import check_names
from issuer.services.routes import ROUTES
from verifier import MessageProblem

PAGE = Path("docs/web-services.md").read_text()
CODE = re.compile(r'"((?:token|message|statement|webhook)\.[a-z_]+)"')


def test_every_code_is_on_the_page() -> None:
    """What a stranger can be answered with is what the page has."""
    sources = Path("issuer/services").glob("*.py")
    found = {
        code
        for each in sources
        if each.name not in {"conformance.py", "routes.py", "hooks.py"}
        for code in CODE.findall(each.read_text())
    }
    found |= {str(each) for each in MessageProblem}
    found |= {"webhook.event", "webhook.too_many", "request.too_many"}
    shown = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", PAGE))
    assert found - shown == set()


def test_every_route_is_on_the_page() -> None:
    for route in ROUTES:
        path = re.sub(r"/<.*", "", route.path)
        assert path.split("/")[1] in PAGE, route.name


def test_every_check_is_on_the_page() -> None:
    for name in check_names():
        group = name.partition(".")[0]
        assert f"`{name}`" in PAGE or f"`{group}.…`" in PAGE, name
