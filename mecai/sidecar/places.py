"""Where certificates come from: entries of the settings, and every chain of a folder, as ACME clients lay them."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from mecai.errors import HostError, InputError, MecaiError
from mecai.sidecar.config import CertificateEntry, ChainFolder, SidecarConfig

MOST: Final = 10_000  # chains of one folder

Found = tuple[tuple[CertificateEntry, ...], dict[Path, MecaiError]]


def entries_of(config: SidecarConfig) -> Found:
    """Return every certificate that is configured now, none twice, and which folders cannot be read."""
    entries = {entry.chain: entry for entry in config.certificates}
    faults: dict[Path, MecaiError] = {}
    for place in config.chains:
        try:
            for chain in _chains(place):
                entries.setdefault(chain, place.entry(chain))
        except MecaiError as error:
            faults[place.folder] = error
    # Two entries of the settings may have one chain: that is said of the second one.
    return (*config.certificates, *list(entries.values())[len({each.chain for each in config.certificates}) :]), faults


def folders_of(config: SidecarConfig) -> frozenset[Path]:
    """Return the folders in which a change may matter: also where links lead, as those of certbot do."""
    entries, _ = entries_of(config)
    files = {config.directory, config.publishers, *(entry.chain for entry in entries)}
    files |= {entry.succession for entry in entries if entry.succession}
    named = {path.parent for path in files}
    places = {place.folder for place in config.chains}
    return frozenset(named | places | {Path(os.path.realpath(path)).parent for path in files})


def _chains(place: ChainFolder) -> list[Path]:
    try:
        os.scandir(place.folder).close()  # `glob` says nothing of a folder that may not be listed
    except OSError as error:
        raise HostError(f"{place.folder}: is no folder, or cannot be read ({error.strerror})") from error
    found = sorted(islice(_files(place), MOST + 1))
    if len(found) > MOST:
        raise InputError(f"{place.folder}: has more than {MOST} files like {place.pattern}")
    return found


def _files(place: ChainFolder) -> Iterator[Path]:
    try:
        yield from place.folder.glob(place.pattern)
    except OSError as error:
        raise HostError(f"{place.folder}: cannot be read ({error.strerror})") from error
