"""What all applications of a process have in common is compiled once.

A server makes one application.  Hundreds of tests make their own of the same pages, and
spent more than half of their time on reading the same templates and addresses again.
"""

from collections.abc import Callable
from typing import Any

import jinja2
from werkzeug.routing import Rule


def remember_compiled() -> None:
    """Keep the code of templates and addresses for whoever asks for the same."""
    builder, template = Rule._compile_builder, jinja2.Environment.compile
    setattr(Rule, builder.__name__, _kept_builder(builder))
    setattr(jinja2.Environment, template.__name__, _kept_template(template))


def _kept_builder(make: Callable[..., Any]) -> Callable[..., Any]:
    kept: dict[object, Any] = {}

    def builder(rule: Rule, *unknown: bool) -> Any:
        if rule.defaults:
            return make(rule, *unknown)
        key = (rule.rule, *rule._trace, *unknown)
        if key not in kept:
            kept[key] = make(rule, *unknown)
        return kept[key]

    return builder


def _kept_template(make: Callable[..., Any]) -> Callable[..., Any]:
    kept: dict[object, Any] = {}

    def code(environment: jinja2.Environment, source: Any, *names: Any) -> Any:
        if not isinstance(source, str):
            return make(environment, source, *names)
        key = (source, names, *_options(environment, *names))
        if key not in kept:
            kept[key] = make(environment, source, *names)
        return kept[key]

    return code


def _options(
    environment: jinja2.Environment, name: str | None = None, *_: Any
) -> tuple[object, ...]:
    """All that environments of ours may differ in, and a template's code with it."""
    escape = environment.autoescape
    return (
        escape(name) if callable(escape) else escape,
        environment.trim_blocks,
        environment.lstrip_blocks,
        *sorted(environment.filters),
        *sorted(environment.tests),
    )
