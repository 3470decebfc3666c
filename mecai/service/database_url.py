"""Whether a service may use a database by its URL, told without opening it: settings are checked where no driver is."""

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, urlsplit

# What SQLAlchemy takes for a file, or for a server, whose port is a number.
_FILE: Final = re.compile(r"sqlite://(/.*)?")
_SERVER: Final = re.compile(r"postgresql\+psycopg://([^:/]*(:[^@]*)?@)?(\[[^/?]+\]|[^/:?]*)(:\d+)?([/?].*)?")
# libpq's word for: by TLS, with a certificate of a known CA for the very name.
_GUARDED: Final = ["verify-full"]


def is_file(url: str) -> bool:
    """Say whether this is the URL of a file (SQLite)."""
    return bool(_FILE.fullmatch(url))


def is_server(url: str) -> bool:
    """Say whether this is the URL of a server (PostgreSQL)."""
    return bool(_SERVER.fullmatch(url))


def require_guarded(url: str) -> None:
    """See that the way to a server leads over no network, or its URL demands TLS to that name.

    Raises `ValueError`, as settings do, which shows no more of the URL than the server's name: it may hold a password.
    """
    try:
        found = urlsplit(url)
        far = list(_far(found))
    except ValueError:  # an address that is none
        raise ValueError("database: its server is neither a name nor an address") from None
    if far and parse_qs(found.query).get("sslmode") != _GUARDED:
        seen = f"the way to {far[0]} leads over a network"
        raise ValueError(f"database: {seen}; expected sslmode=verify-full&sslrootcert=FILE in its URL")


def lists_of(url: str) -> Path | None:
    """Return the file of revoked certificates (CRLs) that a server's own is held against, None where it is not."""
    given = parse_qs(urlsplit(url).query).get("sslcrl") if is_server(url) else None
    return Path(given[-1]) if given else None


def _far(url: SplitResult) -> Iterator[str]:
    """Give each server that is not on this host; one that a file of libpq's names may be anywhere."""
    said = parse_qs(url.query, keep_blank_values=True)
    for given in (url.hostname or "", *said.get("host", ()), *said.get("hostaddr", ())):
        yield from (host for host in given.split(",") if not _is_here(host))
    yield from said.get("service", ())


def _is_here(host: str) -> bool:
    if not host or host == "localhost" or host[0] in "/@":  # a socket's folder, or its abstract name
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False
