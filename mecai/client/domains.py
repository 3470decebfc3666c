"""Domains in a client's settings: a list of host names, each of which counts for every name below it, too."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from mecai.errors import InputError
from mecai.protocol.pki.names import host_name_of
from mecai.protocol.verify.intranet import domain_of

Found = TypeVar("Found")


def normal_domains(key: str, domains: Sequence[str]) -> tuple[str, ...]:
    """Return the domains that `key` names in normal form; raises `ValueError` for none, or for no host name."""
    if not domains:
        raise ValueError(f"{key}: none given; expected such as ['corp.test']")
    try:
        return tuple(map(host_name_of, domains))
    except InputError as error:
        raise ValueError(f"{key}: {error}") from error


def check_distinct(key: str, domains: Iterable[str]) -> None:
    """Refuse, as `ValueError`, a domain that stands in two tables `key`: it could not be told which of them counts."""
    seen: set[str] = set()
    for name in domains:
        if name in seen:
            raise ValueError(f"{key}.domains: {name!r} is given twice; it could not be told which counts")
        seen.add(name)


def most_fitting(by_domain: Mapping[str, Found], destination: str) -> Found | None:
    """Return what is kept for the longest domain that a destination equals or lies below, often None."""
    domain = domain_of(destination, tuple(by_domain)) if by_domain else None
    return by_domain[domain] if domain else None
