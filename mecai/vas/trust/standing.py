"""How a trust context stands: what of it is in force or was, and how its fetches went."""

from dataclasses import dataclass
from datetime import datetime

from mecai.errors import HostError, MecaiError
from mecai.protocol.acceptance import accept
from mecai.protocol.objects.authorities import Directory
from mecai.service.pem import load_certificates
from mecai.vas.config import ContextSource
from mecai.vas.storage.directories import DirectoryLog, Fetched
from mecai.vas.trust.directories import read_signed


@dataclass(frozen=True)
class Standing:
    """A context's `directory`, expired or not, or else the `fault` for which a server would take none."""

    source: ContextSource
    fetched: Fetched
    directory: Directory | None
    fault: str | None = None


def standing(source: ContextSource, log: DirectoryLog, now: datetime) -> Standing:
    """Judge a context as a server that starts at `now` would, and record nothing."""
    fetched = log.fetched(source.context)
    try:
        return Standing(source, fetched, _judged(source, log, now))
    except MecaiError as error:
        return Standing(source, fetched, None, str(error))


def _judged(source: ContextSource, log: DirectoryLog, now: datetime) -> Directory:
    octets, publishers = read_signed(source, log), load_certificates(source.publishers)
    directory, _ = accept(log.record(source.context), octets, now, publishers, even_expired=True)
    if directory.context != source.context:
        raise HostError(f"the directory is for context {directory.context}")
    return directory
