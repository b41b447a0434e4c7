"""The folder of an installation: where its database, keys and outside records lie.

``office.toml`` says where:

    database = "sqlite:///abtc.sqlite3"     # below the folder, or postgresql+psycopg://
    outside = "outside"                     # better on another disk than the database

    [keys]                                  # where each economy's keys are
    AUS = "file:keys/AUS"
    NZL = "pkcs11:hsm.toml"

    [publish]                               # what `abtc-issuer publish` works on
    out = "public"
    keys = ["keys/publish"]
    journal = "outside/journal.jsonl"

    [watch_lists]                           # asked about the holders of other economies
    NZL = "watch/nzl.csv"

    [limits]                                # what one operator may do alone in an hour
    issue = 500
    revoke = 100
    decide = 1000

    [collector.keep_days]                   # how long scan logs of devices are kept;
    AUS = 400                               # absent: until somebody decides

    [portal]                                # applying online
    draft_days = 30                         # without a change, then a draft is deleted
    drafts = 10                             # of one applicant at a time
    phones = ["AUS"]                        # whose holders fetch their card themselves

    [web]
    hosts = ["localhost", "127.0.0.1"]      # names under which browsers may ask
    proxies = 0                             # reverse proxies in front
    secure = false                          # true: https only; then with an origin
    # origin = "https://abtc.example"       # what browsers show
    # [web.sign_on]                         # the ministry's own, OpenID Connect
    # issuer = "https://sso.example"
    # client_id = "abtc"
    # economy = "AUS"

    [wallet]                                # where holders' phones ask; absent: nowhere
    url = "https://wallet.example"          # what phones and offers name; no path
    hosts = ["wallet.example"]              # names under which they may ask
    proxies = 1                             # reverse proxies in front
    secure = true                           # https only
    per_address = 600                       # requests a minute, of one address
    overall = 20000                         # and of all together, for each process
    dpop_nonce = false                      # true: proofs carry a value of the server's
    # [wallet.attesters]                    # where only attested keys get a card
    # AUS = "attesters/aus.json"
    # [wallet.android.AUS]                  # and where Android phones attest their own
    # roots = "attesters/android-roots.pem"
    # status = "attesters/android-status.json"
    # apps = {"org.example.wallet" = ["SHA-256 of its signing certificate, in hex"]}
    # [wallet.apple.AUS]                    # and where apps on Apple devices do
    # roots = "attesters/apple-root.pem"
    # apps = ["TEAMID1234.org.example.wallet"]

    [services]                              # what other economies' systems are offered
    trust = "trust"                         # what `abtc-verify sync` fills; absent:
                                            # what is published here
    per_client = 1200                       # requests a minute, of one client
    # certificate_header = "X-Client-Cert-SHA256"  # where a proxy in front puts the
    # certificate_hops = ["127.0.0.1"]      # thumbprint, and which proxies may
    # private_hosts = ["hooks.intern.example"]  # may be told of events though private
    [services.partners]                     # where other economies' systems are
    JPN = "https://abtc.jpn.example"

    [passports.AUS]                         # its register of passports answers others;
    countries = ["AUS"]                     # absent: it has not joined.  Codes that it
                                            # issues under; absent: its own
    complete = false                        # true: what is not there was not issued
    contact = "+61 2 5550 1234"             # who is there day and night

    [passport_checks]                       # where officers here have passports checked
    broker = "https://broker.example"       # absent: services.partners are asked
    seconds = 2.0                           # and how long an answer may take
    per_device = 600                        # questions a minute of an officer's device
    [passport_checks.owners]                # who is asked about passports of a code,
    XYZ = "AUS"                             # where it is not the economy of that code

    [mail]                                  # absent: each mail is a file below mail/
    sender = "ABTC <no-reply@abtc.example>" # who writes
    # host = "smtp.abtc.example"            # the mail server; absent: files
    # port = 587
    # tls = "starttls"                      # or "implicit"; "none" at this machine only
    # user = "abtc"                         # with ABTC_MAIL_PASSWORD
    # authorities = "mail-ca.pem"           # who vouches for it; absent: the system's
    # address = "https://abtc.example"      # of the pages; absent: web.origin

Paths are relative to the folder.  Nothing here is secret: passphrases come from the
environment or are asked for.
"""

import tomllib
from collections.abc import Mapping
from email.utils import formataddr, parseaddr
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from issuer.errors import SettingsError

FILE: Final = "office.toml"
_Code = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_AppId = Annotated[str, Field(pattern=r"^[A-Z0-9]{10}\.[A-Za-z0-9.-]{1,155}$")]
_Origin = Annotated[
    str,
    Field(
        pattern=r"^(https://[a-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?$"
    ),
]
_Digests = Annotated[tuple[_Digest, ...], Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PublishPlaces(_Table):
    """Where `abtc-issuer publish` works; see docs/operations/trust.md."""

    out: str = "public"
    keys: tuple[str, ...] = ("keys/publish",)
    journal: str = "outside/journal.jsonl"
    lifetimes: str | None = None
    submissions: str | None = None
    """Folder for what an economy that publishes elsewhere signs here; ``out`` is then
    a copy of what is published, and ``first_root`` the root that was handed out."""
    first_root: str = "1.root.json"
    passports: tuple[_Code, ...] = ()
    """Economies hosted here that publish which of their own passports are reported
    as lost, stolen or cancelled; see docs/operations/trust.md."""
    list_days: Annotated[int, Field(ge=1, le=60)] = 7
    """How long a list may be used; devices ask for one that is younger than that."""


class Limits(_Table):
    """What one operator may do alone in an hour; see `issuer.limits`."""

    issue: Annotated[int, Field(ge=1)] = 500
    revoke: Annotated[int, Field(ge=1)] = 100
    decide: Annotated[int, Field(ge=1)] = 1_000


class CollectorSettings(_Table):
    """What becomes of the scan logs that devices send; see docs/scan-log.md."""

    keep_days: Mapping[_Code, Annotated[int, Field(ge=1, le=36_600)]] = Field(
        default_factory=dict
    )
    """By economy: days for which rows are kept; that is for its law to say.  Absent:
    nothing is removed."""


class PortalSettings(_Table):
    """How applying online is kept; see docs/portal.md."""

    draft_days: Annotated[int, Field(ge=1, le=366)] = 30
    """Days without a change after which a draft is deleted."""
    drafts: Annotated[int, Field(ge=1, le=100)] = 10
    """Drafts that one applicant may have at a time."""
    phones: tuple[_Code, ...] = ()
    """Economies whose holders put an approved card on their first phone themselves."""


class SignOn(_Table):
    """A ministry's own sign-on (OpenID Connect)."""

    issuer: str
    client_id: str
    economy: _Code


class Web(_Table):
    """How the back office is reached."""

    hosts: tuple[str, ...] = ("localhost", "127.0.0.1")
    proxies: Annotated[int, Field(ge=0, le=4)] = 0
    secure: bool = False
    """Cookies go over https only; must be on where anybody but this machine asks."""
    origin: str | None = None
    """Where browsers see it, such as ``https://abtc.example``; passkeys and the
    ministry's sign-on hold to it.  Needed with ``secure``."""
    sign_on: SignOn | None = None


class EPassport(_Table):
    """How passports' chips are believed; see docs/epassport.md."""

    anchors: str | None = None
    """Folder of trusted certificates, master lists and lists of the revoked."""
    states: Mapping[str, _Code] = Field(default_factory=dict)
    """States beyond the scheme: alpha-3 by the two letters in certificates."""
    at_counter: tuple[_Code, ...] = ()
    """Economies that give a card at a counter only once its passport's chip was
    proved."""


class AndroidKeys(_Table):
    """Which keys of Android phones an economy believes to stay there."""

    roots: str
    """File: certificates of whoever attests phones' keys, in PEM."""
    status: str
    """File: which of their certificates are revoked, as they publish it (JSON)."""
    status_hours: Annotated[int, Field(ge=1, le=30 * 24)] = 48
    """What that file may be old; when it is older, no key is believed."""
    level: Literal["TrustedEnvironment", "StrongBox"] = "TrustedEnvironment"
    """Where keys have to be kept, at the least."""
    apps: Annotated[Mapping[str, _Digests], Field(min_length=1)]
    """By name of an app's package: SHA-256 of the certificates that sign it, in hex."""
    factory_expired: bool = False
    """Certificates that phones got at the factory count on after their last day: such
    phones get no others."""


class AppleKeys(_Table):
    """Which apps on Apple devices an economy believes to keep keys safely."""

    roots: str
    """File: certificates of whoever attests apps, in PEM."""
    apps: Annotated[tuple[_AppId, ...], Field(min_length=1)]
    """Team, full stop, bundle."""
    environment: Literal["production", "development"] = "production"


class EntryBasisProofs(_Table):
    """How phones get proofs of an entry basis; see docs/one-id.md."""

    trust: str
    """Folder of a trust store that ``abtc-verify sync`` fills, without ``--economy``:
    what it holds is what is decided by."""
    hours: Annotated[int, Field(ge=1, le=72)] = 12
    """For how long one is good, at most."""
    per_day: Annotated[int, Field(ge=1)] = 50
    """How often one card may ask in 24 hours."""


class Desks(_Table):
    """Which desks the web wallet answers; see docs/one-id.md."""

    roots: str
    """File: certificates (PEM) of those whose word is taken on who asks."""
    origins: Annotated[tuple[_Origin, ...], Field(min_length=1)]
    """Where the page may fetch requests and send answers, such as
    ``https://desk.example``."""


class Wallet(_Table):
    """How holders' phones reach the wallet; see docs/operations/wallet.md."""

    url: (
        Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")] | None
    ) = None
    """Beginning of every economy's issuer identifier, which wallets compare letter by
    letter: whoever changes it signs every phone out.  None: there is no wallet."""
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1")
    proxies: Annotated[int, Field(ge=0, le=4)] = 0
    secure: bool = False
    """Must be on where anybody but this machine asks; ``url`` is https then."""
    per_address: Annotated[int, Field(ge=1)] = 600
    overall: Annotated[int, Field(ge=1)] = 20_000
    dpop_nonce: bool = False
    """Proofs must carry a value of the server's: none can be made in advance."""
    attesters: Mapping[_Code, str] = Field(default_factory=dict)
    """By economy: a JWK set of those whose word a phone's key needs there."""
    android: Mapping[_Code, AndroidKeys] = Field(default_factory=dict)
    """By economy: what Android phones have to say of a key themselves."""
    apple: Mapping[_Code, AppleKeys] = Field(default_factory=dict)
    """By economy: which apps on Apple devices it vouches for."""
    entry_basis: EntryBasisProofs | None = None
    """None: no phone gets a proof of an entry basis."""
    desks: Desks | None = None
    """None: the web wallet answers no desk."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.url is None:
            return self
        parts = urlsplit(self.url)
        if self.secure != (parts.scheme == "https"):
            raise ValueError("url must be https with secure, and http without")
        if parts.hostname not in self.hosts:
            raise ValueError("url must be at one of hosts")
        return self


_Base = Annotated[str, Field(pattern=r"^https?://[a-z0-9.\[\]:-]+$", max_length=200)]
_Host = Annotated[str, Field(pattern=r"^[a-z0-9.:-]{1,200}$")]


class Services(_Table):
    """How other economies' systems reach this one, and it them."""

    trust: str | None = None
    """Folder of trust data, as `abtc-verify sync` fills it.  None: what is published
    below ``publish.out`` here."""
    partners: Mapping[_Code, _Base] = Field(default_factory=dict)
    """By economy: where the installation is that hosts it; no path."""
    scopes: Mapping[_Code, tuple[str, ...]] = Field(default_factory=dict)
    """By economy that asks: what it may do here, where that is less than all."""
    per_client: Annotated[int, Field(ge=1)] = 1_200
    """Requests a minute of one client; for each process."""
    overall: Annotated[int, Field(ge=1)] = 20_000
    """And of all together."""
    certificate_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    """Where a proxy that demands clients' certificates puts their SHA-256, in hex."""
    certificate_hops: tuple[_Host, ...] = ()
    """Addresses of the proxies from which that is believed."""
    private_hosts: tuple[_Host, ...] = ()
    """Hosts that may be told of events although their addresses are private."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.certificate_header is None) != (not self.certificate_hops):
            raise ValueError("certificate_header and certificate_hops belong together")
        for economy, url in self.partners.items():
            if not url.startswith("https://") and not _is_here(url):
                raise ValueError(f"the address of {economy} is not https")
        return self


def _is_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


class PassportRegister(_Table):
    """How an economy answers others about its passports (docs/passport-check.md)."""

    countries: tuple[_Code, ...] = ()
    """Codes in passports that it issues; empty: its own."""
    complete: bool = False
    """Every passport in force is in the register: one that is not was never issued."""
    per_asker: Annotated[int, Field(ge=1)] = 60_000
    """Questions a minute of one economy; for each process."""
    contact: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
    """Who is there day and night when a passport that was reported is met."""


class PassportChecks(_Table):
    """Where this installation has other economies' passports checked."""

    broker: _Base | None = None
    """Of all questions.  None: each owner is asked itself, at ``services.partners``."""
    seconds: Annotated[float, Field(gt=0, le=10)] = 2.0
    """After so long there is no answer."""
    per_device: Annotated[int, Field(ge=1)] = 600
    """Questions a minute of one officer's device; for each process.  A lane has some;
    a desk asks about a flight at once, which is 500 at most."""
    owners: Mapping[_Code, _Code] = Field(default_factory=dict)
    """By code in passports: who is asked, where it is not the economy of that code."""

    @model_validator(mode="after")
    def _is_protected(self) -> Self:
        url = self.broker
        if url and not url.startswith("https://") and not _is_here(url):
            raise ValueError("the address of the broker is not https")
        return self


class MailSettings(_Table):
    """How mails to applicants leave; see docs/operations/mail.md."""

    sender: str = "ABTC <no-reply@localhost>"
    reply_to: str | None = None
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")] | None = None
    """The mail server; None: every mail is put into ``folder``, and nothing is sent."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    user: str | None = None
    authorities: str | None = None
    """File: certificates that vouch for the server's, in PEM; None: the system's."""
    folder: str = "mail"
    address: Annotated[str, Field(pattern=r"^https?://[a-z0-9.:-]+$")] | None = None
    """Where applicants find the pages; None: as ``web`` says."""

    @field_validator("sender", "reply_to")
    @classmethod
    def _is_mailbox(cls, value: str | None) -> str | None:
        if value is None:
            return None
        name, address = parseaddr(value)
        if not value.isprintable() or formataddr((name, address)) != value:
            raise ValueError("must be like ABTC <no-reply@abtc.example>")
        _, at, host = address.rpartition("@")
        if not at or not host:
            raise ValueError("must have an address with @")
        return value

    @model_validator(mode="after")
    def _is_protected(self) -> Self:
        if self.host and self.tls == "none" and not is_loopback(self.host):
            raise ValueError("tls may be none only where host is this machine")
        return self


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by what it is called; nothing is asked."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Installation(_Table):
    """The settings of an installation, and the folder that they are about."""

    folder: Path
    database: str = "sqlite:///abtc.sqlite3"
    outside: str = "outside"
    keys: Mapping[_Code, str] = Field(default_factory=dict)
    watch_lists: Mapping[_Code, str] = Field(default_factory=dict)
    """By economy: a file as docs/operations/intake.md describes it."""
    limits: Limits = Limits()
    publish: PublishPlaces = PublishPlaces()
    collector: CollectorSettings = CollectorSettings()
    portal: PortalSettings = PortalSettings()
    web: Web = Web()
    wallet: Wallet = Wallet()
    services: Services = Services()
    epassport: EPassport = EPassport()
    passports: Mapping[_Code, PassportRegister] = Field(default_factory=dict)
    """By economy: its register answers others.  Absent: it has not joined."""
    passport_checks: PassportChecks = PassportChecks()
    mail: MailSettings = MailSettings()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the settings of a folder.

        Raises:
            SettingsError: ``office.toml`` cannot be read, is no TOML, or has an
                unknown key or a wrong value; the message names file and key.
        """
        path = folder / FILE
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(file=str(path), key="", reason=str(error)) from error
        if "folder" in data:
            raise SettingsError(file=str(path), key="folder", reason="is no known key")
        try:
            return cls.model_validate({**_tuples(data), "folder": folder.absolute()})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            raise SettingsError(
                file=str(path),
                key=key,
                reason=first["msg"].removeprefix("Value error, "),
            ) from error

    @property
    def database_url(self) -> str:
        """The database's URL, with the path of a SQLite file made absolute.

        Raises:
            SettingsError: It cannot be read.
        """
        try:
            url = make_url(self.database)
        except ArgumentError as error:
            raise SettingsError(
                file=str(self.folder / FILE), key="database", reason="is no URL"
            ) from error
        if url.drivername != "sqlite" or not url.database:
            return self.database
        return f"sqlite:///{self.folder / url.database}"

    def path(self, relative: str) -> Path:
        """Return a path of the settings, from the folder on."""
        return _joined(self.folder, relative)

    @property
    def pages(self) -> str:
        """Where applicants find the pages, such as ``https://abtc.example``."""
        return self.mail.address or self.web.origin or f"http://{self.web.hosts[0]}"

    @property
    def web_key(self) -> Path:
        """Where the key is that seals what the web pages must keep secret."""
        return self.path("web.key")

    def passport_entries(self, economy: str) -> Path:
        """Where the entries of an economy's list of reported passports are kept."""
        return self.path("passport-entries") / f"{economy}.json"

    @property
    def audit_heads(self) -> Path:
        """Where the heads of the audit log are kept."""
        return self.path(self.outside) / "audit-heads.jsonl"

    @property
    def bureau(self) -> Path:
        """Where batches for the personalisation bureau lie until they are sent."""
        return self.path("bureau")

    @property
    def issue_log(self) -> Path:
        """Where every index that was given to a signer is kept."""
        return self.path(self.outside) / "issued.jsonl"


@lru_cache(maxsize=1024)
def _joined(folder: Path, relative: str) -> Path:
    # Some are asked for with every message, and joining takes longer than looking.
    return folder / relative


def _tuples(value: Any) -> Any:
    # Settings are strict and cannot change; TOML has lists.
    if isinstance(value, dict):
        return {key: _tuples(each) for key, each in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
