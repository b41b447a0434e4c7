"""``abtc-issuer``, also where only what devices need is installed."""

import sys


def main() -> int:
    """Run the command line, or say in one line which extra is missing."""
    try:
        # The plain distribution is what devices install: it lacks what this imports.
        from issuer import cli  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"issuer", "verifier"}:
            raise
        sys.stderr.write(
            f"abtc-issuer: {error.name} is not installed; "
            "install abtc with its extra: abtc[issuer]\n"
        )
        return 1
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
