"""The templates of this room: what they are given ends as text, never as markup; a missing value is an error."""

from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

_PACKAGE: Final = "testbed.report"


def render(template: str, **values: object) -> str:
    """Fill in a template."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    loader = PackageLoader(_PACKAGE, ".")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
