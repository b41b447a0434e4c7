"""The officer's console: a local application on the device (extra ``console``).

`serving.run` starts it, for ``abtc-verify console``: Flask on the loopback interface,
for one browser on the same machine, without any network. Nothing of a traveller
reaches a disk; what is shown is forgotten with the answer.

Layers, each below using none above:

* `serving`: sockets, threads, clocks;
* `app`, `views`, `guards`, `failures`, `here`: HTTP;
* `device`, `session`, `logbook`, `updates`, `frames`, `imager`, `officers`, `exports`:
  state, each with a lock of its own;
* `answers`, `freshness`, `viewer`, `requests`, `manual`, `layout`, `words`, `codes`,
  `shifts`, `training`: data and pure functions.

`decoding` and `syncing` are programs, run in processes of their own.
"""
