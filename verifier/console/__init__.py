"""The officer's console: a local application on the device (extra ``console``).

`serving.run` starts it, for ``abtc-verify console``: Flask on the loopback interface,
for one browser on the same machine, without any network. Nothing of a traveller
reaches a disk; what is shown is forgotten with the answer.

Layers, each below using none above: `serving` (sockets, threads, clocks), `app` and
`views` (HTTP), `device`, `session`, `updates`, `imager`, `frames` (state, each with a
lock of its own), and pure functions: `answers`, `freshness`, `requests`, `manual`.
"""
