"""What is kept of a password, and what stands in for one that nobody has."""

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from issuer import passwords
from issuer.passwords import hash_password, is_outdated, verify_password

PASSWORD = "several words are easiest"  # noqa: S105  # invented


def test_l6_an_unknown_login_takes_as_long_as_a_wrong_password() -> None:
    """What nobody's password is compared with is whole, and of today's strength."""
    assert not is_outdated(passwords._NOBODY)
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(passwords._NOBODY, PASSWORD)
    assert not verify_password(None, PASSWORD)


def test_a_password_is_known_again_and_no_other() -> None:
    kept = hash_password(PASSWORD)
    assert verify_password(kept, PASSWORD)
    assert not verify_password(kept, PASSWORD.upper())
    assert PASSWORD not in kept
