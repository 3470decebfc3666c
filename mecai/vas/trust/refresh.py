"""Fetching the directories of trust contexts from their publishers (docs/spec X2).

What was fetched is accepted before it is kept, and both in one transaction: a publisher out of reach, or a directory
that is not to be accepted, changes nothing but the note that says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from mecai.errors import MecaiError
from mecai.net.web import Document, get_if_changed
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Directory
from mecai.service.deadline import Deadline
from mecai.service.pem import load_certificates
from mecai.service.printable import one_line
from mecai.vas.config import ContextSource
from mecai.vas.storage.directories import DirectoryLog

SECONDS: Final = 30.0  # for one directory, from looking the name up to its last octet


@dataclass(frozen=True)
class Refreshed:
    """The directory that the publisher has, and whether it is another one than was here."""

    directory: Directory
    changed: bool


class Download(Protocol):
    """What brings a directory, or what stands for it in a test."""

    def __call__(self, source: ContextSource, etag: str) -> Document | None:
        """Return what the publisher's server has, None if that is still what it called `etag`; raises `MecaiError`."""
        ...


def over_https(source: ContextSource, etag: str) -> Document | None:
    """Download a context's directory from its URL; raises `HostError`, or `InputError` for `roots`."""
    roots = load_certificates(source.roots) if source.roots else None
    return get_if_changed(source.url or "", LIMITS.directory_size, Deadline(SECONDS), etag, roots)


def refresh(
    source: ContextSource, log: DirectoryLog, clock: Callable[[], datetime], download: Download = over_https
) -> Refreshed:
    """Fetch a context's directory and keep it, for every node; raises `MecaiError`, after it has noted why."""
    try:
        here = log.fetched(source.context)
        publishers = load_certificates(source.publishers)
        document = download(source, here.etag or "" if here.octets else "")
        if document is None:  # still the one that is here, which is judged again: it ends, and pins may be others now
            document = Document(here.octets or b"", here.etag or "")
        directory = log.keep(source.context, document.octets, document.etag, clock(), publishers)
    except MecaiError as error:
        log.fail(source.context, one_line(str(error)), clock())
        raise
    return Refreshed(directory, document.octets != here.octets)
