"""Every route below /services/v1, also of what has a package of its own."""

from typing import Final

from issuer.carriers import routes as carriers
from issuer.services.routes import ROUTES, Route

EVERY_ROUTE: Final[tuple[Route, ...]] = (*ROUTES, *carriers.ROUTES)
