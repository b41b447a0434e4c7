"""What some tests need besides Python: skipped where it is missing, but not in CI.

    @needs("nginx")
    def test_it() -> None: ...

Where the component is missing the test is skipped, and the summary names the component
in one line. With ``CI=true`` in the environment it is an error instead, so that no test
can go missing unseen. `tests.conftest` sees to both.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

MISSING: Final = "component missing: "
"""How the reason of such a skip begins."""
_SYSTEM: Final = "/usr/sbin:/usr/local/sbin:/sbin"
"""Where services lie, which not everybody has in the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """Something that a machine has or has not."""

    package: str
    """What Debian calls it."""
    find: Callable[[], str | None]
    """Returns where it is; None if it is missing."""


def program(name: str) -> Callable[[], str | None]:
    """Look for a program in the path, and where services lie."""
    return cache(lambda: shutil.which(name) or shutil.which(name, path=_SYSTEM))


def newest(pattern: str) -> Callable[[], str | None]:
    """Look for files by a pattern below the root; of several, the last by name."""
    return cache(lambda: max(map(str, Path("/").glob(pattern)), default=None))


COMPONENTS: Final = {
    "nginx": Component(package="nginx", find=program("nginx")),
    "PostgreSQL": Component(
        package="postgresql", find=newest("usr/lib/postgresql/*/bin/initdb")
    ),
    "SoftHSM": Component(
        package="softhsm2", find=newest("usr/lib/**/softhsm/libsofthsm2.so")
    ),
    "C compiler": Component(package="gcc", find=program("cc")),
    "Poppler": Component(package="poppler-utils", find=program("pdftoppm")),
    "Chromium": Component(package="chromium", find=program("chromium")),
    "Node": Component(package="nodejs", find=program("node")),
}


def needs(name: str) -> pytest.MarkDecorator:
    """Mark a test, or with ``pytestmark`` a whole file, as in need of a component."""
    return pytest.mark.needs(name)


def path_of(name: str) -> str:
    """Where a component is that the test needs."""
    found = COMPONENTS[name].find()
    assert found, f"the test is not marked with needs({name!r})"
    return found


def check(name: str) -> None:
    """Skip the running test if a component is missing, or fail it in CI."""
    component = COMPONENTS[name]
    if component.find():
        return
    reason = f"{MISSING}{name} (Debian package {component.package})"
    if os.environ.get("CI") == "true":  # noqa: TID251  # as the services set it
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
