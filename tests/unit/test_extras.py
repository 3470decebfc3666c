"""What `pip install 'mecai[...]'` asks for: each package by the same bound, whichever extra wants it."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {extra: [Requirement(each) for each in wanted] for extra, wanted in PROJECT["optional-dependencies"].items()}


def test_a_package_has_one_bound() -> None:
    bounds: dict[str, set[str]] = {}
    for requirement in (each for wanted in EXTRAS.values() for each in wanted):
        bounds.setdefault(requirement.name, set()).add(str(requirement.specifier))
    assert [name for name, found in bounds.items() if len(found) > 1] == []


def test_whoever_starts_gunicorn_has_one_that_knows_what_is_asked_of_it() -> None:
    """Before 25.1.0 `--no-control-socket` is a usage error; in that one nothing ends agents' silent handshakes."""
    for extra in ("ca", "demo", "vas"):
        (gunicorn,) = (each for each in EXTRAS[extra] if each.name == "gunicorn")
        assert (gunicorn.specifier.contains("25.2.0"), gunicorn.specifier.contains("25.1.0")) == (True, False)


def test_the_demonstration_has_what_a_ca_and_a_vas_have() -> None:
    assert {str(each) for each in EXTRAS["demo"]} >= {str(each) for each in EXTRAS["ca"]}
