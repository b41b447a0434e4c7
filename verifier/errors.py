"""Exceptions raised by verifier.

* VerifierError
  + PackingError   the text is not a presentation, or has no packed form;
                   also a ValueError
  + PolicyError    the policy contradicts itself
  + ScanLogError   the log of scans cannot be read or exported; writing raises nothing
  + ServiceMessageError   a message of another economy's system is not believed
  + TrustError     the trust documents cannot be used
    - StoreError   the device's store cannot be used
    - SyncError    new trust data was refused; what was there before stays in use

`MrzError` and ``scan.ImageError`` are `ValueError`s: the text or the picture is none.
``ValueError`` and ``TypeError`` report a bug of the caller, such as a time without a
zone. A bad *card* is never an exception: it is a `Rejected` or `Undecided` decision.
"""


class VerifierError(Exception):
    """Base class: the caller gave us something we cannot work with."""


class PackingError(VerifierError, ValueError):
    """The text is not a presentation, or has no packed form."""


class PolicyError(VerifierError):
    """The policy contradicts itself."""


class ScanLogError(VerifierError):
    """The log of scans cannot be read or exported; the message says why."""


class ServiceMessageError(VerifierError):
    """A message, or the keys for it, is not what its economy has to have signed.

    The message reads ``code: detail``.

    Attributes:
        code: A `verifier.MessageProblem`; stable, for programs.
        detail: For logs; never a claim of the message.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class TrustError(VerifierError):
    """The trust documents cannot be used; the message names document and reason."""


class StoreError(TrustError):
    """The device's store cannot be used; the message says why."""


class SyncError(TrustError):
    """New trust data was refused; what was there before stays in use."""
