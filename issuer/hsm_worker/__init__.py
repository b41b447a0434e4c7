"""The process that a hardware module's library runs in, one for each session.

`issuer.hsm` starts it and asks; nobody else does.  Requests and answers are JSON
objects of one line each, over two pipes:

    {"do": "open", "module": ..., "token": ..., "pin": ..., "record": ...}
    {"do": "list"}                          -> {"labels": [...]}
    {"do": "find", "label": ...}            -> {"point": hex}
    {"do": "generate", "label": ...}        -> {"point": hex}
    {"do": "sign", "jobs": [[label, hex of a SHA-256 digest], ...]}
                                            -> {"results": [["signed", hex], ...]}

A job without a usable key has ``["key", text]`` for a result.  What fails as a whole is
answered by ``{"error": kind, "text": ...}``, beside the results so far:

    pin     the PIN was refused, or may not be tried
    key     there is no such key, or none that may be used
    lost    anything else that the module answers; this process is of no more use
"""
