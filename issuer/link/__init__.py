"""The asking side of the web services between economies.

`issuer.link.protocol` and `issuer.link.client` are for any economy's developers, also
of those that run another back office: they need nothing of this one.  The rest is what
this back office does with them: it sends what waits, and applies what comes back.
"""
