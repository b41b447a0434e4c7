"""The description of the services: valid, current, and of every route there is."""

import json
from pathlib import Path

from openapi_spec_validator import validate

from issuer.services.openapi import described
from tests.issuer.services.town import Town

FILE = Path("docs/services.openapi.json")


def test_the_file_is_what_is_served(small: Town) -> None:
    """`make openapi` writes it anew."""
    assert FILE.read_text() == described()
    assert small.get("/openapi.json").get_json() == json.loads(described())


def test_it_is_an_openapi_document() -> None:
    validate(json.loads(described()))


def test_every_route_is_described(small: Town) -> None:
    """And nothing is that is not there."""
    paths = json.loads(described())["paths"]
    said = {(path, each.upper()) for path, rules in paths.items() for each in rules}
    served = set()
    for rule in small.app.url_map.iter_rules():
        if rule.endpoint.startswith("services.") and rule.endpoint != (
            "services.nothing"
        ):
            path = rule.rule.replace("<path:", "<")
            path = path.replace("<", "{").replace(">", "}")
            methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            served |= {(path, each) for each in methods}
    assert said == served
