"""What an economy signs and publishes, and the rules that it follows.

* `issuer.scheme` reads the scheme file: economies, dated facts and pair rules.
* `issuer.profile` says what a card may contain, and until when it is good.
* `issuer.issuance` prepares, lints and signs cards, one or many.
* `issuer.signing_pool` spreads the signing of many over processes.
* `issuer.lists` draws indexes and signs status lists and overlays.
* `issuer.keys` makes and reads key files, and defines what a signer is.
* `issuer.intake` reads applications, names, sheets and uploads before they are kept.
* `issuer.watchlist` asks a watch list; no answer is not clear.
* `issuer.hsm` has keys in a hardware module sign.
* `issuer.sources` says which of the two signs for an economy.
* `issuer.plastic` prints cards, and makes batches for a personalisation bureau.
* `issuer.documents` builds the trust documents.
* `issuer.errors` shows everything that is raised.
"""
