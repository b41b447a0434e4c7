"""Decide, offline, whether a scanned ABTC card is good, and what it is good for here.

The caller supplies every input: what was scanned, the trust data, the policy, the
passport and the time. Nothing here opens a socket, reads a file or asks the operating
system for the time.

>>> from datetime import UTC, datetime
>>> import verifier
>>> day = datetime(2030, 1, 15, tzinfo=UTC)
>>> trust = verifier.Trust.from_documents(
...     {"scheme.json": b'{"abtc":"scheme","economies":[]}'},
...     version=1,
...     issued_at=day,
...     expires_at=day.replace(day=22),
... )
>>> decision = verifier.verify(
...     "https://example.org/menu",
...     trust=trust,
...     policy=verifier.Policy(economy="AUS"),
...     expected_passport=None,
...     expected_challenge=None,
...     now=day,
... )
>>> decision.reason
<RejectReason.FOREIGN: 'card.foreign'>
>>> print(verifier.guidance(decision.reason).what)
This is not an ABTC code.
"""

from ._acts import OfficerAct, OfficerDecision, OverrideReason
from ._algorithm import verify
from ._dated import DatedFact
from ._floor import Floor
from ._packing import pack, unpack
from .asking import PassportAsker
from .basis_proof import (
    BasisDecision,
    BasisDoubt,
    BasisFault,
    BasisProven,
    BasisRefused,
    BasisUndecided,
    ProvenBasis,
    verify_entry_basis,
)
from .card import Card
from .challenge import challenge_text, parse_challenge
from .collecting import Collector, DeviceKey, seal_log, send_log
from .decision import (
    Accepted,
    Ageing,
    Decision,
    Evidence,
    MustSee,
    PassportListing,
    Rejected,
    Undecided,
)
from .entitlement import Entitlement, Entry, EntryAnswer, Lane, LaneAnswer
from .entry_basis import (
    BasisAnswer,
    EntryBasis,
    after_passport_check,
    basis_answer,
    entry_basis,
    entry_basis_on_file,
)
from .errors import (
    PackingError,
    PolicyError,
    RegisterError,
    ScanLogError,
    ServiceMessageError,
    StoreError,
    SyncError,
    TrustError,
    VerifierError,
)
from .guidance import Guidance, guidance, guidance_languages
from .looks import Check, CheckState, CheckStep, Look, checks_of, look_of
from .passport import (
    FieldMatch,
    MrzError,
    Passport,
    PassportComparison,
    compare,
    transliterate,
)
from .passport_check import (
    NoAnswer,
    PassportAnswer,
    PassportMessage,
    PassportQuestion,
    PassportStatus,
    no_passport_answer,
    parse_passport_questions,
    passport_question_claims,
    passport_question_digest,
    passport_reference,
    read_passport_answer,
    read_passport_question,
    read_relayed_passport_answers,
)
from .places import zone_of, zones
from .policy import Policy
from .reasons import EntryReason, LaneReason, Reason, RejectReason, UndecidedReason
from .register import (
    Register,
    RegisterAnswer,
    RegisterCredentials,
    read_register_answer,
)
from .replay import ReplayGuard
from .scan_log import (
    BadRow,
    LoggedScan,
    LogHead,
    ScanLog,
    ScanLogExport,
    ScanLogReport,
    ScanLogStatus,
)
from .service_message import (
    MessageProblem,
    ServiceKeys,
    ServiceMessage,
    read_service_keys,
    read_service_message,
    sealing_info,
)
from .store import StoreInfo, SyncReport, TrustStore
from .trust import Problem, Trust

__all__ = [
    "Accepted",
    "Ageing",
    "BadRow",
    "BasisAnswer",
    "BasisDecision",
    "BasisDoubt",
    "BasisFault",
    "BasisProven",
    "BasisRefused",
    "BasisUndecided",
    "Card",
    "Check",
    "CheckState",
    "CheckStep",
    "Collector",
    "DatedFact",
    "Decision",
    "DeviceKey",
    "Entitlement",
    "Entry",
    "EntryAnswer",
    "EntryBasis",
    "EntryReason",
    "Evidence",
    "FieldMatch",
    "Floor",
    "Guidance",
    "Lane",
    "LaneAnswer",
    "LaneReason",
    "LogHead",
    "LoggedScan",
    "Look",
    "MessageProblem",
    "MrzError",
    "MustSee",
    "NoAnswer",
    "OfficerAct",
    "OfficerDecision",
    "OverrideReason",
    "PackingError",
    "Passport",
    "PassportAnswer",
    "PassportAsker",
    "PassportComparison",
    "PassportListing",
    "PassportMessage",
    "PassportQuestion",
    "PassportStatus",
    "Policy",
    "PolicyError",
    "Problem",
    "ProvenBasis",
    "Reason",
    "Register",
    "RegisterAnswer",
    "RegisterCredentials",
    "RegisterError",
    "RejectReason",
    "Rejected",
    "ReplayGuard",
    "ScanLog",
    "ScanLogError",
    "ScanLogExport",
    "ScanLogReport",
    "ScanLogStatus",
    "ServiceKeys",
    "ServiceMessage",
    "ServiceMessageError",
    "StoreError",
    "StoreInfo",
    "SyncError",
    "SyncReport",
    "Trust",
    "TrustError",
    "TrustStore",
    "Undecided",
    "UndecidedReason",
    "VerifierError",
    "after_passport_check",
    "basis_answer",
    "challenge_text",
    "checks_of",
    "compare",
    "entry_basis",
    "entry_basis_on_file",
    "guidance",
    "guidance_languages",
    "look_of",
    "no_passport_answer",
    "pack",
    "parse_challenge",
    "parse_passport_questions",
    "passport_question_claims",
    "passport_question_digest",
    "passport_reference",
    "read_passport_answer",
    "read_passport_question",
    "read_register_answer",
    "read_relayed_passport_answers",
    "read_service_keys",
    "read_service_message",
    "seal_log",
    "sealing_info",
    "send_log",
    "transliterate",
    "unpack",
    "verify",
    "verify_entry_basis",
    "zone_of",
    "zones",
]
