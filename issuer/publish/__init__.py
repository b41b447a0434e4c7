"""Publishing an economy's documents, and the scheme's, for every officer's device.

A repository of The Update Framework, as plain files in a folder that any web server
can serve; see `Publisher`.  An economy that keeps its own key signs with `Submitter`,
and the scheme's desk publishes what it sends.
"""

from issuer.publish.bundle import write_bundle
from issuer.publish.deltas import Deltas, write_deltas
from issuer.publish.files import locked
from issuer.publish.journal import Journal
from issuer.publish.keyring import Keyring
from issuer.publish.lifetimes import Lifetimes
from issuer.publish.prune import Pruning
from issuer.publish.publisher import Publication, Publisher
from issuer.publish.refusals import Refusal
from issuer.publish.status import KeyStatus, RepositoryStatus, RoleStatus
from issuer.publish.submission import RoleKey, Submission
from issuer.publish.submitter import Submitter

__all__ = [
    "Deltas",
    "Journal",
    "KeyStatus",
    "Keyring",
    "Lifetimes",
    "Pruning",
    "Publication",
    "Publisher",
    "Refusal",
    "RepositoryStatus",
    "RoleKey",
    "RoleStatus",
    "Submission",
    "Submitter",
    "locked",
    "write_bundle",
    "write_deltas",
]
