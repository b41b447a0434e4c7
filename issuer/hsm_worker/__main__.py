"""Answer one client over two pipes: ``python -m issuer.hsm_worker IN OUT PARENT``."""

import json
import os
import resource
import signal
import sys
import threading
import time
from typing import Any, Final

from issuer.hsm_worker.pin import PinStopped
from issuer.hsm_worker.token import NoUsableKey, Token, TokenLost

_GLANCE: Final = 5.0
"""Seconds between two looks whether the parent is still there."""


def main() -> int:
    """Answer until the client is gone."""
    come, go, parent = (int(each) for each in sys.argv[1:])
    _go_quiet()
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    token: Token | None = None
    with os.fdopen(come, "rb") as requests:
        for line in requests:
            answer, token = _answer(json.loads(line), token)
            os.write(go, json.dumps(answer).encode() + b"\n")
    if token:
        token.close()
    return 0


def _go_quiet() -> None:
    # Whoever stops the service stops the parent, and that ends the pipe.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold the PIN


def _watch(parent: int) -> None:
    """End with the parent: what it has forked may hold the pipe open."""
    while os.getppid() == parent:
        time.sleep(_GLANCE)
    os._exit(1)


def _answer(
    request: dict[str, Any], token: Token | None
) -> tuple[dict[str, Any], Token | None]:
    try:
        if token is None:
            return {}, Token.open(**_arguments(request))
        return _do(token, request), token
    except PinStopped as error:
        return _error("pin", error), token
    except NoUsableKey as error:
        return _error("key", error), token
    except (TokenLost, OSError) as error:
        return _error("lost", error), token


def _do(token: Token, request: dict[str, Any]) -> dict[str, Any]:
    match request["do"]:
        case "list":
            return {"labels": token.labels()}
        case "find":
            return {"point": token.public_point(request["label"]).hex()}
        case "generate":
            return {"point": token.generate(request["label"]).hex()}
        case _:
            return _sign(token, request["jobs"])


def _sign(token: Token, jobs: list[tuple[str, str]]) -> dict[str, Any]:
    results: list[tuple[str, str]] = []
    for label, digest in jobs:
        try:
            signature = token.sign(label, bytes.fromhex(digest))
        except NoUsableKey as error:
            results.append(("key", str(error)))
        except TokenLost as error:
            return {**_error("lost", error), "results": results}
        else:
            results.append(("signed", signature.hex()))
    return {"results": results}


def _arguments(request: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key != "do"}


def _error(kind: str, error: Exception) -> dict[str, Any]:
    return {"error": kind, "text": str(error)}


if __name__ == "__main__":
    sys.exit(main())
