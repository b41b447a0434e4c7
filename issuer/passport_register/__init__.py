"""An economy's own register of its passports, and asking other economies about theirs.

The register answers questions about passports that this economy issued, and never gives
out a record or a list.  docs/passport-check.md has the protocol and the principles.
"""
