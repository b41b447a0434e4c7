"""Put the pages together."""

from datetime import timedelta
from typing import Final

from flask import Blueprint, Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from issuer.mail import queue_mail
from issuer.office import Office
from issuer.passkeys import PasskeyPlace
from issuer.passport_register.service import PassportService
from issuer.passport_register.views import Door
from issuer.passport_register.views import blueprint as asked_passports
from issuer.portal.post import QueueMail
from issuer.services import views as services
from issuer.sessions import LONGEST
from issuer.sign_in import Entrance
from issuer.sign_on import SignOnClient
from issuer.web import case_words, failures, guards, words
from issuer.web.access import EVERYBODY, Access, Pages
from issuer.web.here import NAME, Site
from issuer.web.limits import Limit
from issuer.web.portal import all_pages
from issuer.web.portal.here import MAIL
from issuer.web.portal.views import start as start_applying
from issuer.web.settings import Settings
from issuer.web.views import (
    account,
    accounts,
    applications,
    bulk,
    cards,
    chips,
    collect,
    configuration,
    demonstration,
    devices,
    incoming,
    links,
    logbook,
    mails,
    online,
    outgoing,
    passport_hits,
    phones,
    plastic,
    publication,
    reissue,
    reports,
    requests,
    sign_in,
    start,
    statistics,
)

VIEWS: Final = (
    start.pages,
    applications.pages,
    online.pages,
    incoming.pages,
    outgoing.pages,
    links.pages,
    passport_hits.pages,
    bulk.pages,
    sign_in.pages,
    cards.pages,
    chips.pages,
    reissue.pages,
    phones.pages,
    plastic.pages,
    reports.pages,
    statistics.pages,
    publication.pages,
    devices.pages,
    mails.pages,
    requests.pages,
    configuration.pages,
    logbook.pages,
    accounts.pages,
    account.pages,
)
"""Every page there is, but for those of a demonstration."""
MAX_BODY: Final = 16 * 2**20
"""Bytes of a request; uploads are the largest."""
_MAX_FIELDS: Final = 500
_MAX_FIELD: Final = 512 * 1024
_SIGN_INS: Final = 30
"""Tries to sign in from one address a minute; each costs 64 MiB for a moment."""


def create_app(
    office: Office,
    settings: Settings,
    *,
    programs: Blueprint | None = None,
    mail: QueueMail = queue_mail,
) -> Flask:
    """Make the web application of an open office.

    Args:
        office: The open installation.
        settings: How it is reached.
        programs: The routes of the JSON API, named ``api``: they see to it themselves
            who asks, by a key; a browser's cookie is worth nothing there.
        mail: What writes to applicants.
    """
    app = Flask(__name__)
    web = settings.web
    app.config.update(
        SECRET_KEY=settings.key.derived("cookie"),
        TRUSTED_HOSTS=list(web.hosts),
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=_MAX_FIELD,
        MAX_FORM_PARTS=_MAX_FIELDS,
        SESSION_COOKIE_NAME="__Host-abtc-visit" if web.secure else "abtc-visit",
        SESSION_COOKIE_SECURE=web.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_PATH="/",
        PERMANENT_SESSION_LIFETIME=LONGEST,
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(hours=1),
        PROPAGATE_EXCEPTIONS=False,
    )
    app.jinja_options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    app.extensions[NAME] = _site(office, settings)
    app.extensions[start_applying.LIMIT] = Limit(
        tries=start_applying.TRIES, within=start_applying.WITHIN
    )
    app.extensions[Limit.NAME] = Limit(tries=_SIGN_INS, within=timedelta(minutes=1))
    failures.install(app)
    guards.install(app)
    words.install(app)
    case_words.install(app)
    for pages in _views(settings):
        app.register_blueprint(pages)
    for applying in all_pages.VIEWS:
        app.register_blueprint(applying)
    app.extensions[MAIL] = mail
    app.register_blueprint(collect.blueprint(office, clock=settings.clock))
    app.register_blueprint(services.blueprint(office, clock=settings.clock))
    passports = PassportService(office)
    app.register_blueprint(asked_passports(passports, clock=settings.clock))
    if programs is not None:
        app.register_blueprint(programs)
    app.wsgi_app = Door(  # type: ignore[method-assign]
        app.wsgi_app,
        passports,
        hosts=web.hosts,
        is_secure=web.secure,
        clock=settings.clock,
    )
    if web.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=web.proxies, x_proto=web.proxies, x_host=0
        )
    return app


def _views(settings: Settings) -> tuple[Pages, ...]:
    return (*VIEWS, demonstration.pages) if settings.is_demonstration else VIEWS


def _site(office: Office, settings: Settings) -> Site:
    access: dict[str, Access] = {guards.STATIC: EVERYBODY}
    for pages in _views(settings):
        access |= pages.access
    sign_on = settings.web.sign_on
    return Site(
        office=office,
        settings=settings,
        entrance=Entrance(
            store=office.store,
            key=settings.key,
            passkeys=PasskeyPlace(origin=settings.origin),
        ),
        sign_on=SignOnClient(
            settings=sign_on,
            redirect_uri=f"{settings.origin}/sign-in/ministry/back",
            secret=settings.sign_on_secret,
        )
        if sign_on
        else None,
        access=access,
        menu=tuple(entry for pages in VIEWS for entry in pages.menu),
    )
