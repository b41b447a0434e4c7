"""Applying online: what happens behind the pages of `issuer.web.portal`.

Applicants are no staff: they have no account, no role and no desk.  What they enter is
theirs alone (`issuer.portal.drafts`) until they hand it in; then
`issuer.portal.handing_in` enters it in the name of the economy's portal account, by the
code that staff use, so that everything after it needs the same people as for any
application.
"""
