"""The pages on which people apply online, below ``/apply/<ECONOMY>/``.

They are pages of the same application as the back office's, and share nothing else with
it: another cookie, other sessions, another look, no role.  How a page is added:

1. A view in a module of `issuer.web.portal.views`, on a `PortalPages`:

       pages = PortalPages("apply_track")

       @pages.at("/track", SIGNED_IN, navigation="navigation.track")
       def track() -> Response:
           return render("apply/track.html", rows=rows_of(applicant()))

   The address stands below ``/apply/<ECONOMY>``; `economy()` and `applicant()` of
   `issuer.web.portal.here` say where and who.  `SIGNED_IN` sends everybody else to the
   sign-in page and back.  The name begins with ``apply``: that is how the guards of the
   back office know that the page has its own.
2. Add the ``PortalPages`` to ``VIEWS`` in `issuer.web.portal.all_pages`.
3. A template in ``issuer/web/portal/templates/apply`` that extends ``apply/base.html``;
   forms are macros in ``apply/forms.html``.
4. Every word comes from ``issuer/web/portal/words/en.json``, by ``w("start.lead")``.
"""
