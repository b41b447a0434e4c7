"""A desk that asks a traveller's phone for the card: an airline's, or a hotel's.

    python -m examples.desk trial build/desk --name "Example Air"
    python -m examples.desk serve --identity build/desk --store STORE \\
        --url https://desk.example --to JPN=Asia/Tokyo

It speaks OpenID4VP 1.0: a code on the desk's screen names a signed request, the phone
fetches it and posts its answer, and `verifier` decides as it does at a border.  What
the desk's staff are told is in `examples.desk.words`; what to keep of it, and how to
put this into one's own desk, is in ``docs/desk.md``.

* `identity`: who asks, and requests signed with that name.
* `questions`, `book`: what was asked, each once and for five minutes.
* `answers`: what came back, read into types.
* `words`: what the desk may be told.
* `desk`: all of it together, without a web framework.
* `web`: two web applications, one for phones and one for the counter.
"""
