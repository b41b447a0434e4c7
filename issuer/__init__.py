"""What an economy signs and publishes, and the rules that it follows.

* `issuer.scheme` reads the scheme file: economies, dated facts and pair rules.
* `issuer.profile` says what a card may contain, and until when it is good.
* `issuer.issuance` prepares, lints and signs cards.
* `issuer.lists` draws indexes and signs status lists and overlays.
* `issuer.keys` makes and reads key files, and defines what a signer is.
* `issuer.plastic` prints cards, and makes batches for a personalisation bureau.
* `issuer.documents` builds the trust documents.
* `issuer.errors` shows everything that is raised.
"""
