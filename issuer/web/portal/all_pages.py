"""Every group of pages for applicants; the first of them has the start page."""

from typing import Final

from issuer.web.portal.pages import PortalPages
from issuer.web.portal.views import applications, requirements, start, tracking

VIEWS: Final[tuple[PortalPages, ...]] = (
    start.pages,
    applications.pages,
    tracking.pages,
    requirements.pages,
)
"""In the order of the navigation."""
