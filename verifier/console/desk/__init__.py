"""The airline desk: a local page and API that answer by `verifier.entry_basis`.

`serving.run` starts it, for ``abtc-verify desk``: Flask on the loopback interface, with
the guards of the console. It has no register of travellers and writes nothing to a
disk; of an answer it remembers, in memory and for 72 hours, what a second one is
compared with, under a reference and without any name or number.

Layers, each below using none above: `serving` (sockets, clocks), `app` (HTTP), `batch`
(files), `counter` and `book` (state), and pure functions: `questions`, `answers`,
`passengers`.
"""
