"""A mail server on loopback: real SMTP, with TLS and passwords where asked for."""

import ssl
from asyncio import Server
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PASSWORD = "three quiet otters"  # noqa: S105  # of nobody real
HOST = "127.0.0.1"


@dataclass(slots=True)
class Inbox:
    """What the server took, and what it answers."""

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    to_recipient: str = ""
    """Answer to RCPT; empty takes it."""
    to_data: str = ""
    hangs_up_on: str = ""
    """Words of a mail in the middle of which the server goes away."""
    is_polite: bool = False
    """Whether it says so before (421)."""
    hang_ups: int = 0
    was_tls: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  # as the library has it
        self, _: Any, __: Any, envelope: Any, address: str, ___: Any
    ) -> str:
        if self.to_recipient:
            return self.to_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        if self.hangs_up_on and self.hangs_up_on.encode() in envelope.content:
            self.hang_ups += 1
            if self.is_polite:
                return "421 going away"
            server.transport.close()
            return ""
        if self.to_data:
            return self.to_data
        self.was_tls.append(session.ssl is not None)
        self.recipients += envelope.rcpt_tos
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


class _AtFreePort(Controller):
    def _trigger_server(self) -> None:
        # Asked for any port, the library would greet the server at that number.
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def mail_server(inbox: Inbox, **options: Any) -> Iterator[int]:
    """Listen at a free port, and return it."""
    controller = _AtFreePort(
        inbox, hostname=HOST, port=0, server_hostname="mail.test", **options
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def certificate(folder: Path, *, host: str = HOST) -> tuple[Path, Path]:
    """Make a certificate of a host that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)  # noqa: TID251  # the library that checks it asks the clock
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "mail.pem", folder / "mail.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def tls_of(folder: Path, **more: Any) -> ssl.SSLContext:
    """Return what a server shows, and leave what vouches for it in ``mail.pem``."""
    chain, key = certificate(folder, **more)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


def only_with_password(_: Any, __: Any, ___: Any, ____: str, shown: Any) -> AuthResult:
    """Let in whoever knows the password."""
    is_right = isinstance(shown, LoginPassword) and shown.password == PASSWORD.encode()
    return AuthResult(success=is_right, handled=False)
