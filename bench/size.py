"""How large the codes are, beside what one would pick instead."""

from typing import Final, NamedTuple

from matplotlib import pyplot as plt

import verifier
from bench import cards, codes, formats, report
from bench.cards import NOW, Holder
from bench.codes import Level

OURS: Final = "ABTC1 packed"
PLAIN: Final = "plain SD-JWT"
DEFLATED: Final = "dictionary deflate"
HC1: Final = "HC1 (COSE, zlib)"
HC1_PROOF: Final = "HC1 + phone's COSE"
BARS: Final = {"rotating": 12, "printed": 10, "worst": 14}
"""Largest version at error correction L."""


class Case(NamedTuple):
    """One card shown in one way."""

    name: str
    says: str
    holder: Holder
    form: str


class Size(NamedTuple):
    """What one encoding of one case takes."""

    encoding: str
    characters: int
    payload_bytes: int
    versions: dict[Level, int | None]


CASES: Final = (
    Case("rotating", "phone's code, ordinary card", cards.REFERENCE, "app"),
    Case("printed", "printed code, ordinary card", cards.REFERENCE, "physical"),
    Case("worst", "phone's code, 39 + 39 characters, 21 economies", cards.WORST, "app"),
    Case("worst printed", "printed, the same names", cards.WORST, "physical"),
)


def run(*, is_quick: bool) -> None:
    """Measure, print, plot and save."""
    sizes = {case.name: _sizes(case) for case in CASES}
    for case in CASES:
        _print_case(case, sizes[case.name])
    print("  HC1 alone has no proof by the phone: a photograph of it passes.\n")
    bars = [_bar(name, sizes[name][0]) for name in BARS]
    _plot(sizes)
    figures = {name: [size._asdict() for size in each] for name, each in sizes.items()}
    report.save("size", {"cases": figures, "bars": bars}, is_quick=is_quick)


def texts(case: Case) -> dict[str, str]:
    """Return what each encoding puts into the code of a case."""
    card = cards.card_text(case.holder, at=NOW, form=case.form)
    claims = cards.claims(case.holder, at=NOW, form=case.form)
    if case.form == "physical":
        shown, proofs = card, {}
    else:
        shown = cards.presentation(card, case.holder, at=NOW)
        moment = int(NOW.timestamp())
        with_proof = formats.hc1_with_proof(claims, case.holder, moment)
        # Without a proof nobody needs the phone's key in the card.
        claims.pop("cnf")
        proofs = {HC1_PROOF: with_proof}
    deflated = formats.deflated(shown)
    assert formats.inflated(deflated)[0]["iss"] == claims["iss"]
    return {
        OURS: verifier.pack(shown),
        DEFLATED: deflated,
        **proofs,
        HC1: formats.hc1(claims),
        PLAIN: shown,
    }


def _sizes(case: Case) -> list[Size]:
    return [_size(name, text) for name, text in texts(case).items()]


def _size(encoding: str, text: str) -> Size:
    prefix, colon, body = text.partition(":")
    # Three characters of base45 hold two bytes; other text is its own payload.
    is_base45 = bool(colon) and prefix.isupper()
    payload = len(body) // 3 * 2 + len(body) % 3 // 2 if is_base45 else len(text)
    versions: dict[Level, int | None] = {}
    for level in ("L", "M"):
        code = codes.smallest(text, level)
        versions[level] = code.version if code else None
    return Size(encoding, len(text), payload, versions)


def _print_case(case: Case, sizes: list[Size]) -> None:
    rows = [
        [
            size.encoding,
            str(size.payload_bytes),
            str(size.characters),
            *(_version(size, level) for level in size.versions),
            f"{_modules(size)}",
            f"{_modules(size) / _modules(sizes[-1]):.2f}",
        ]
        for size in sizes
    ]
    report.print_table(
        f"Size: {case.says}",
        ["", "bytes", "characters", "L", "M", "modules at L", "x plain"],
        rows,
    )


def _version(size: Size, level: Level) -> str:
    version = size.versions[level]
    return f"{version}-{level}" if version else "none"


def _modules(size: Size) -> int:
    return 17 + 4 * (size.versions["L"] or 0)


def _bar(name: str, ours: Size) -> dict[str, object]:
    version = ours.versions["L"] or 99
    return report.print_bar(
        f"{name} at most {BARS[name]}-L",
        is_met=version <= BARS[name],
        says=f"{version}-L",
    )


def _plot(sizes: dict[str, list[Size]]) -> None:
    """Draw the codes of the ordinary card on a phone, all at one module size."""
    report.use_plain_style()
    shown = {name: codes.smallest(text, "L") for name, text in texts(CASES[0]).items()}
    pictures = {name: code for name, code in shown.items() if code}
    widths = [codes.modules(code) for code in pictures.values()]
    figure, panels = plt.subplots(
        1, len(widths), figsize=(11, 3.3), width_ratios=widths, layout="constrained"
    )
    for axes, (name, code) in zip(panels, pictures.items(), strict=True):
        axes.imshow(codes.picture(code, module_pixels=1), cmap="gray", vmin=0, vmax=255)
        axes.set_axis_off()
        colour = report.OURS if name == OURS else "black"
        label = f"{name}\n{code.version}-L, {codes.modules(code)} modules"
        axes.set_title(label, color=colour, fontsize=9)
    figure.suptitle("The same card and the same module size, error correction L")
    report.save_figure(figure, "size")
    plt.close(figure)
