"""An officer's handheld: what an imager reads on standard input, the screen as text.

    python -m examples.handheld_loop --store DIR --economy SGP --zone Asia/Singapore

A passport's lines come before the code. With --camera, other lines name pictures.
"""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TextIO

import verifier
from examples import embedding
from verifier.scan import ImageError, read_codes


def main(
    arguments: Sequence[str] | None = None,
    stream: TextIO | None = None,
    clock: embedding.Clock = datetime.now,
) -> int:
    """Answer whatever is read, until the reader ends."""
    device = embedding.set_up("handheld_loop", arguments, camera="lines name pictures")
    guard, passport = verifier.ReplayGuard(device.policy), list[str]()
    for line in embedding.lines_of(stream):
        if embedding.is_passport_line(line):
            passport.append(line)
            continue
        try:
            decision = verifier.verify(
                one_code(line, is_picture=device.given.camera),
                trust=device.store.load(),  # quick, unless an update has come
                policy=device.policy,
                expected_passport=embedding.read_passport(passport),
                expected_challenge=None,
                now=clock(device.zone),
            )
            screen = embedding.screen(guard.check(decision))
        except (ImageError, verifier.MrzError, verifier.TrustError) as error:
            screen = [embedding.AMBER, f"  {error}"]
        print(*screen, sep="\n", flush=True)
        passport.clear()  # the next traveller has another
    return 0


def one_code(line: str, *, is_picture: bool) -> str:
    """Return the code; text never names a file, for whoever shows it could name any."""
    codes = read_codes(Path(line)) if is_picture else (line,)
    if len(codes) != 1:
        raise ImageError(f"{len(codes)} ABTC codes in view: show one")
    return codes[0]


if __name__ == "__main__":
    sys.exit(main())
