"""``abtc-wallet``, also where only what devices need is installed."""

import sys


def main() -> int:
    """Run the command line, or say in one line which extra is missing."""
    try:
        # The plain distribution is what devices install: it lacks what this imports.
        from wallet_api import cli  # noqa: PLC0415
    except ModuleNotFoundError as error:
        own = {"issuer", "verifier", "wallet_api"}
        if (error.name or "").partition(".")[0] in own:
            raise
        sys.stderr.write(
            f"abtc-wallet: {error.name} is not installed; "
            "install abtc with its extra: abtc[wallet-api]\n"
        )
        return 1
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
