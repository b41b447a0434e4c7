"""The JSON API: every operation of the back office over HTTP, for programs.

Each is ``POST /api/v1/<noun>/<verb>`` with a JSON object, also what only reads: names
and passport numbers belong into no address, which servers write into their logs.
`issuer.api.openapi` describes it all, from the same list that serves it.
"""

from issuer.api.openapi import describe
from issuer.api.views import blueprint

__all__ = ["blueprint", "describe"]
