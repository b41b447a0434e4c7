"""The back office in a browser: server-rendered pages over `issuer.operations`.

How a page is added:

1. A view in a module of `issuer.web.views`, on a `Pages`, with what it takes to see it:

       pages = Pages("cards")

       @pages.at("/cards/<int:card>", Needs("card.show"))
       def show(card: int) -> Response:
           return render("cards/show.html", card=perform("card.show", {"card": card}))

   ``Needs`` names the operation whose roles may; ``SIGNED_IN`` is for everybody's own
   matters, ``EVERYBODY`` for signing in.  A view parses, performs and renders; it
   checks and decides nothing.  Add the ``Pages`` to ``VIEWS`` in `issuer.web.app`;
   with ``menu=`` it also appears in the menu of those who may.
2. A template that extends ``base.html``; forms, badges, tables, timelines and paging
   are macros in ``forms.html`` and ``parts.html``.  No inline script or style: the
   content security policy refuses them.
3. A row in ``tests/issuer/web/matrix.py`` that says who may; without it the tests fail.

Forms: ``form = Form.read()``, then ``done = submit("card.cancel", form, ...)``.  It
returns the answer, or None with the problems beside their fields; then render the page
again with ``form.status``.  After a change ``flash`` one sentence, which must hold
nothing of a record, and answer with ``go_to(...)``.
"""

from issuer.web.app import create_app
from issuer.web.settings import Settings

__all__ = ["Settings", "create_app"]
