"""Who may see a page: every route says so, and one that does not is no route."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, TypeVar

from flask import Blueprint

from issuer.operations import all_operations
from issuer.store import Role

_View = TypeVar("_View", bound=Callable[..., Any])


class Open(Enum):
    """Access that no role decides."""

    EVERYBODY = auto()
    """Also who has not signed in."""
    SIGNED_IN = auto()
    """Whoever has signed in, for their own matters."""


EVERYBODY: Final = Open.EVERYBODY
SIGNED_IN: Final = Open.SIGNED_IN


@dataclass(frozen=True, slots=True)
class Needs:
    """Access for who may perform an operation."""

    operation: str

    @property
    def roles(self) -> frozenset[Role]:
        """Any of these may."""
        return all_operations()[self.operation].roles


Access = Open | Needs


class Group(Enum):
    """Under which heading a page stands in the menu, in this order."""

    START = ""
    APPLICANTS = "Applicants"
    CARDS = "Cards"
    NEIGHBOURS = "Other economies"
    OFFICE = "Office"
    OWN = "You"


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuEntry:
    """A page in the menu of those who may see it."""

    endpoint: str
    text: str
    about: str
    """In one line, for the start page."""
    key: str
    """Access key: with Alt, Alt and Shift, or Control and Option, as browsers do."""
    access: Access
    group: Group


class Pages(Blueprint):
    """Some pages that belong together."""

    def __init__(self, name: str) -> None:
        super().__init__(name, __name__)
        self.access: dict[str, Access] = {}
        self.menu: list[MenuEntry] = []

    def at(
        self,
        rule: str,
        access: Access,
        *,
        methods: tuple[str, ...] = ("GET",),
        menu: tuple[str, str, str, Group] | None = None,
    ) -> Callable[[_View], _View]:
        """Put a view at an address.

        Args:
            rule: As Flask has it.
            access: Who may.
            methods: ``GET`` for pages, ``POST`` for what changes something.
            menu: Text, one line about it, access key, and where in the menu.
        """

        def put(view: _View) -> _View:
            endpoint = f"{self.name}.{view.__name__}"
            self.access[endpoint] = access
            if menu is not None:
                text, about, key, group = menu
                self.menu.append(
                    MenuEntry(
                        endpoint=endpoint,
                        text=text,
                        about=about,
                        key=key,
                        access=access,
                        group=group,
                    )
                )
            self.add_url_rule(rule, view.__name__, view, methods=list(methods))
            return view

        return put
