"""Tests that need a component which this machine may not have; see `components`."""

import pytest

from tests.components import MISSING, check


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(component): see tests/components.py")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        check(*mark.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    ]
    missing = [each for each in reasons if each.startswith(MISSING)]
    for reason in sorted(set(missing)):
        terminalreporter.write_line(f"{reason}: {missing.count(reason)} tests skipped")
