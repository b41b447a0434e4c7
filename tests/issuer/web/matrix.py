"""Who may see what, written by hand: not what the pages say of themselves.

Every route of the application has a row; see `tests.issuer.web.test_c4_access_matrix`.
"""

from dataclasses import dataclass
from typing import Final

from issuer.store import Role

ANYBODY: Final = None
"""Also who has not signed in."""
WHOEVER_SIGNED_IN: Final = frozenset(Role) | {"no role"}
ALL_ROLES: Final = frozenset(Role)
INTAKE: Final = frozenset({Role.INTAKE})
VETTING: Final = frozenset({Role.VETTING})
INTAKE_AND_VETTING: Final = INTAKE | VETTING
VETTING_AND_ISSUING: Final = frozenset({Role.VETTING, Role.ISSUING})
HOME: Final = frozenset({Role.INTAKE, Role.VETTING, Role.ISSUING})
"""Who reads applications."""
PRECLEARANCE: Final = frozenset({Role.PRECLEARANCE})
BULK: Final = frozenset({Role.VETTING, Role.ISSUING, Role.PRECLEARANCE})
ADMIN: Final = frozenset({Role.ADMIN})
ADMIN_AND_AUDIT: Final = frozenset({Role.ADMIN, Role.AUDIT})
ISSUING: Final = frozenset({Role.ISSUING})
ISSUING_AND_AUDIT: Final = frozenset({Role.ISSUING, Role.AUDIT})
AUDIT: Final = frozenset({Role.AUDIT})
PUBLISHING: Final = frozenset({Role.PUBLISHING})
PUBLICATION: Final = PUBLISHING | ADMIN_AND_AUDIT
READS_REPORTS: Final = BULK | ADMIN_AND_AUDIT
LINKS: Final = VETTING_AND_ISSUING | ADMIN
FOLLOWS_HITS: Final = BULK
"""Vetting, issuing and pre-clearance."""
WRITES_MAILS: Final = HOME | ADMIN
CASES: Final = frozenset({Role.INTAKE, Role.VETTING, Role.ISSUING})
CASES_AND_AUDIT: Final = CASES | {Role.AUDIT}


@dataclass(frozen=True, slots=True)
class Row:
    """Who may; with what in the address; and whose record that is."""

    who: frozenset[str] | None
    of_economy: bool = False
    """The address names a record: another economy's must look as if it were not."""
    by_token: bool = False
    """For systems, which show a token: no browser's cookie counts."""


MATRIX: Final = {
    ("static", "GET"): Row(ANYBODY),
    ("sign_in.password", "GET"): Row(ANYBODY),
    ("sign_in.password", "POST"): Row(ANYBODY),
    ("sign_in.first", "GET"): Row(ANYBODY),
    ("sign_in.first", "POST"): Row(ANYBODY),
    ("sign_in.ministry", "POST"): Row(ANYBODY),
    ("sign_in.ministry_back", "GET"): Row(ANYBODY),
    ("sign_in.factor", "GET"): Row(ANYBODY),
    ("sign_in.factor", "POST"): Row(ANYBODY),
    ("sign_in.enrol", "GET"): Row(ANYBODY),
    ("sign_in.enrol", "POST"): Row(ANYBODY),
    ("sign_in.sign_out", "POST"): Row(WHOEVER_SIGNED_IN),
    ("start.index", "GET"): Row(WHOEVER_SIGNED_IN),
    ("start.keyboard", "GET"): Row(WHOEVER_SIGNED_IN),
    ("account.index", "GET"): Row(WHOEVER_SIGNED_IN),
    ("account.factors", "GET"): Row(WHOEVER_SIGNED_IN),
    ("account.factors", "POST"): Row(WHOEVER_SIGNED_IN),
    ("account.remove_passkey", "POST"): Row(WHOEVER_SIGNED_IN),
    ("account.password", "GET"): Row(ALL_ROLES),
    ("account.password", "POST"): Row(ALL_ROLES),
    ("account.end_session", "POST"): Row(ALL_ROLES),
    ("accounts.index", "GET"): Row(ADMIN_AND_AUDIT),
    ("accounts.new", "GET"): Row(ADMIN),
    ("accounts.new", "POST"): Row(ADMIN),
    ("accounts.show", "GET"): Row(ADMIN_AND_AUDIT, of_economy=True),
    ("accounts.give_role", "POST"): Row(ADMIN, of_economy=True),
    ("accounts.confirm", "POST"): Row(ADMIN, of_economy=True),
    ("accounts.take_role", "POST"): Row(ADMIN, of_economy=True),
    ("accounts.close", "POST"): Row(ADMIN, of_economy=True),
    ("accounts.link", "POST"): Row(ADMIN, of_economy=True),
    ("accounts.reset", "POST"): Row(ADMIN, of_economy=True),
    ("accounts.make_key", "POST"): Row(ADMIN, of_economy=True),
    ("accounts.close_key", "POST"): Row(ADMIN, of_economy=True),
    ("applications.index", "GET"): Row(HOME),
    ("applications.search", "POST"): Row(HOME),
    ("applications.export", "POST"): Row(INTAKE_AND_VETTING),
    ("applications.new", "GET"): Row(INTAKE),
    ("applications.new", "POST"): Row(INTAKE),
    ("online.index", "GET"): Row(INTAKE_AND_VETTING),
    ("online.settings", "GET"): Row(ADMIN),
    ("online.open_portal", "POST"): Row(ADMIN),
    ("online.close_portal", "POST"): Row(ADMIN),
    ("online.confirm", "POST"): Row(INTAKE_AND_VETTING),
    ("online.refund", "POST"): Row(INTAKE_AND_VETTING),
    ("online.cancel", "POST"): Row(INTAKE_AND_VETTING),
    ("online.waiting", "GET"): Row(INTAKE),
    ("online.take", "POST"): Row(INTAKE),
    ("online.dismiss", "POST"): Row(INTAKE),
    ("online.submission", "GET"): Row(INTAKE),
    ("online.take_submission", "POST"): Row(INTAKE),
    ("online.dismiss_submission", "POST"): Row(INTAKE),
    ("applications.show", "GET"): Row(HOME, of_economy=True),
    ("applications.correct", "GET"): Row(INTAKE, of_economy=True),
    ("applications.correct", "POST"): Row(INTAKE, of_economy=True),
    ("applications.submit", "POST"): Row(INTAKE, of_economy=True),
    ("applications.open", "POST"): Row(VETTING, of_economy=True),
    ("applications.pass_stage", "POST"): Row(VETTING, of_economy=True),
    ("applications.approve", "POST"): Row(VETTING, of_economy=True),
    ("applications.refuse", "POST"): Row(VETTING, of_economy=True),
    ("applications.circulate", "POST"): Row(VETTING_AND_ISSUING, of_economy=True),
    ("applications.close", "POST"): Row(VETTING_AND_ISSUING, of_economy=True),
    ("applications.withdraw", "POST"): Row(INTAKE_AND_VETTING, of_economy=True),
    ("applications.remind", "POST"): Row(VETTING_AND_ISSUING, of_economy=True),
    ("applications.ask_again", "POST"): Row(VETTING_AND_ISSUING, of_economy=True),
    ("applications.add_document", "POST"): Row(INTAKE_AND_VETTING, of_economy=True),
    ("applications.letter", "POST"): Row(CASES, of_economy=True),
    ("chips.index", "GET"): Row(CASES, of_economy=True),
    ("chips.check", "POST"): Row(CASES, of_economy=True),
    ("applications.document", "GET"): Row(HOME, of_economy=True),
    ("outgoing.index", "GET"): Row(HOME),
    ("outgoing.export", "POST"): Row(VETTING_AND_ISSUING),
    ("outgoing.passports", "GET"): Row(HOME),
    ("outgoing.phones", "GET"): Row(ISSUING),
    ("incoming.index", "GET"): Row(PRECLEARANCE),
    ("incoming.show", "GET"): Row(PRECLEARANCE, of_economy=True),
    ("incoming.decide", "POST"): Row(PRECLEARANCE, of_economy=True),
    ("incoming.following", "GET"): Row(PRECLEARANCE, of_economy=True),
    ("incoming.undo", "POST"): Row(PRECLEARANCE, of_economy=True),
    ("incoming.send_now", "POST"): Row(PRECLEARANCE, of_economy=True),
    ("incoming.screen", "POST"): Row(PRECLEARANCE),
    ("incoming.check_passport", "POST"): Row(PRECLEARANCE, of_economy=True),
    ("incoming.settle", "POST"): Row(PRECLEARANCE, of_economy=True),
    ("bulk.index", "GET"): Row(BULK),
    ("bulk.new", "GET"): Row(BULK),
    ("bulk.new", "POST"): Row(BULK),
    ("bulk.show", "GET"): Row(BULK, of_economy=True),
    ("bulk.approve", "POST"): Row(BULK, of_economy=True),
    ("bulk.reject", "POST"): Row(BULK, of_economy=True),
    ("bulk.resume", "POST"): Row(BULK, of_economy=True),
    # Other economies' cards: test_c4_another_economys_card_is_not_there.
    ("cards.index", "GET"): Row(CASES_AND_AUDIT),
    ("cards.index", "POST"): Row(CASES_AND_AUDIT),
    ("cards.show", "GET"): Row(CASES_AND_AUDIT),
    ("cards.portrait", "GET"): Row(CASES),
    ("cards.act", "GET"): Row(ISSUING),
    ("cards.act", "POST"): Row(ISSUING),
    ("phones.index", "GET"): Row(ISSUING),
    ("phones.offer", "POST"): Row(ISSUING),
    ("phones.counter", "POST"): Row(ISSUING),
    ("phones.cancel", "POST"): Row(ISSUING),
    ("reissue.index", "GET"): Row(ISSUING | {Role.INTAKE}),
    ("reissue.step", "GET"): Row(ISSUING | {Role.INTAKE}),
    ("reissue.step", "POST"): Row(ISSUING | {Role.INTAKE}),
    ("reissue.passport", "GET"): Row(ISSUING),
    ("reissue.passport", "POST"): Row(ISSUING),
    ("plastic.index", "GET"): Row(ISSUING_AND_AUDIT),
    ("plastic.batch", "POST"): Row(ISSUING),
    ("plastic.take", "POST"): Row(ISSUING),
    ("plastic.show", "GET"): Row(ISSUING),
    ("plastic.side", "GET"): Row(ISSUING),
    ("plastic.pdf", "GET"): Row(ISSUING),
    ("plastic.hand_over", "POST"): Row(ISSUING),
    ("plastic.spoil", "POST"): Row(ISSUING),
    ("reports.index", "GET"): Row(READS_REPORTS),
    ("reports.picture", "GET"): Row(READS_REPORTS),
    ("reports.file", "GET"): Row(READS_REPORTS),
    ("statistics.index", "GET"): Row(READS_REPORTS),
    ("statistics.picture", "GET"): Row(READS_REPORTS),
    ("statistics.file", "GET"): Row(READS_REPORTS),
    ("publication.index", "GET"): Row(PUBLICATION),
    ("publication.publish", "POST"): Row(PUBLISHING),
    ("publication.propose_shrink", "POST"): Row(PUBLISHING),
    ("publication.approve_shrink", "POST"): Row(PUBLISHING),
    ("devices.index", "GET"): Row(ADMIN_AND_AUDIT),
    ("devices.enrol", "POST"): Row(ADMIN),
    # Other economies' devices: test_c4_another_economys_device_is_not_there.
    ("devices.show", "GET"): Row(ADMIN_AND_AUDIT),
    ("devices.file", "GET"): Row(ADMIN_AND_AUDIT),
    ("devices.retire", "POST"): Row(ADMIN),
    # Devices sign what they send, and have no roles.
    ("collect.scan_log", "POST"): Row(ANYBODY),
    # Systems show tokens, and have no roles: tests/issuer/services has their matrix.
    ("services.preclearance_ask", "POST"): Row(ANYBODY, by_token=True),
    ("services.preclearance_ask_all", "POST"): Row(ANYBODY, by_token=True),
    ("services.preclearance_list", "GET"): Row(ANYBODY, by_token=True),
    ("services.answers_list", "GET"): Row(ANYBODY, by_token=True),
    ("services.card_tell", "PUT"): Row(ANYBODY, by_token=True),
    ("services.applicants_withdrawn", "POST"): Row(ANYBODY, by_token=True),
    ("services.statement_push", "POST"): Row(ANYBODY, by_token=True),
    ("services.status_indexes_list", "GET"): Row(ANYBODY, by_token=True),
    ("services.application_submit", "POST"): Row(ANYBODY, by_token=True),
    ("services.application_track", "GET"): Row(ANYBODY, by_token=True),
    ("services.statistics_show", "GET"): Row(ANYBODY, by_token=True),
    ("services.webhook_make", "POST"): Row(ANYBODY, by_token=True),
    ("services.webhook_own", "GET"): Row(ANYBODY, by_token=True),
    ("services.webhook_end", "DELETE"): Row(ANYBODY, by_token=True),
    ("services.entry_basis_ask", "POST"): Row(ANYBODY, by_token=True),
    ("services.entry_basis_ask_all", "POST"): Row(ANYBODY, by_token=True),
    ("services.entry_basis_list", "POST"): Row(ANYBODY, by_token=True),
    ("services.entry_basis_response", "POST"): Row(ANYBODY, by_token=True),
    ("services.entry_basis_changes", "GET"): Row(ANYBODY, by_token=True),
    ("services.entry_basis_again", "GET"): Row(ANYBODY, by_token=True),
    ("services.entry_basis_end_watch", "DELETE"): Row(ANYBODY, by_token=True),
    ("services.token", "POST"): Row(ANYBODY),
    ("services.keys", "GET"): Row(ANYBODY),
    ("services.openapi", "GET"): Row(ANYBODY),
    ("services.nothing", "GET"): Row(ANYBODY),
    ("services.nothing", "POST"): Row(ANYBODY),
    ("services.nothing", "PUT"): Row(ANYBODY),
    ("services.nothing", "DELETE"): Row(ANYBODY),
    ("services.nothing", "PATCH"): Row(ANYBODY),
    # So do economies' systems; what they may ask is by their signature.
    ("passport_checks.keys", "GET"): Row(ANYBODY),
    ("passport_checks.check", "POST"): Row(ANYBODY),
    ("passport_checks.ask", "POST"): Row(ANYBODY),
    # Of one's own economy alone: tests/issuer/web/test_neighbour_pages.py.
    ("links.index", "GET"): Row(LINKS),
    ("links.show", "GET"): Row(LINKS),
    ("links.send_again", "POST"): Row(VETTING_AND_ISSUING),
    ("passport_hits.index", "GET"): Row(FOLLOWS_HITS | AUDIT),
    ("passport_hits.close", "POST"): Row(FOLLOWS_HITS),
    ("requests.index", "GET"): Row(ISSUING | INTAKE),
    # Other economies' requests: test_c4_no_operation_knows_another_economys_record.
    ("requests.show", "GET"): Row(ISSUING | INTAKE),
    ("requests.settle", "POST"): Row(ISSUING | INTAKE),
    ("mails.index", "GET"): Row(WRITES_MAILS),
    # Other economies' mails: test_c4_no_operation_knows_another_economys_record.
    ("mails.act", "POST"): Row(WRITES_MAILS),
    ("configuration.index", "GET"): Row(ALL_ROLES),
    ("configuration.economy", "GET"): Row(ALL_ROLES),
    ("configuration.versions", "GET"): Row(ALL_ROLES),
    ("configuration.version", "GET"): Row(ALL_ROLES),
    ("configuration.text", "GET"): Row(ALL_ROLES),
    ("configuration.propose", "GET"): Row(ADMIN),
    ("configuration.propose", "POST"): Row(ADMIN),
    ("configuration.approve", "POST"): Row(ADMIN),
    ("configuration.reject", "POST"): Row(ADMIN),
    ("configuration.keys", "GET"): Row(PUBLICATION),
    ("logbook.index", "GET"): Row(AUDIT),
    ("logbook.verify", "POST"): Row(AUDIT),
    # Other economies' accounts: test_c4_another_economys_operator_is_not_there.
    ("logbook.operator", "GET"): Row(frozenset({Role.AUDIT, Role.ISSUING, Role.ADMIN})),
    ("logbook.propose", "POST"): Row(ISSUING),
}
