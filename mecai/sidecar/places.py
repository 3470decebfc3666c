"""Where certificates come from: entries of the settings, and every chain of a folder, as ACME clients lay them."""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path, PurePath
from typing import Final

from mecai.errors import HostError, InputError, MecaiError
from mecai.sidecar.config import CertificateEntry, ChainFolder, SidecarConfig

MOST: Final = 10_000  # chains of one folder
_WILD: Final = frozenset("*?[")

Found = tuple[tuple[CertificateEntry, ...], dict[Path, MecaiError]]


def entries_of(config: SidecarConfig) -> Found:
    """Return every certificate that is configured now, none twice, and which folders have none, or cannot be read."""
    entries = {entry.chain: entry for entry in config.certificates}
    faults: dict[Path, MecaiError] = {}
    for place in config.chains:
        chains, fault = _chains(place)
        for chain in chains:
            entries.setdefault(chain, place.entry(chain))
        if fault:
            faults[place.folder] = fault
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


def _chains(place: ChainFolder) -> tuple[Sequence[Path], MecaiError | None]:
    """Return the chains that are found, and what is wrong all the same: `glob` says nothing of what it may not read."""
    try:
        os.scandir(place.folder).close()
    except OSError as error:
        return (), HostError(f"{place.folder}: is no folder, or cannot be read ({error.strerror})")
    closed: list[OSError] = []
    found = sorted(islice(_files(place.folder, PurePath(place.pattern).parts, closed), MOST + 1))
    if len(found) > MOST:
        return (), InputError(f"{place.folder}: has more than {MOST} files like {place.pattern}")
    if closed:
        first, others = closed[0], len(closed) - 1
        more = f", nor can {others} more below {place.folder}" if others else ""
        return found, HostError(f"{first.filename}: cannot be read ({first.strerror}){more}")
    if not found:
        return (), InputError(f"{place.folder}: has no file like {place.pattern}")
    return found, None


def _files(folder: Path, parts: Sequence[str], closed: list[OSError]) -> Iterator[Path]:
    """Yield what is below a folder and like these parts of a pattern; what cannot be read becomes one of `closed`."""
    try:
        names = _names(folder, parts[0])
    except (FileNotFoundError, NotADirectoryError):
        return  # a README beside the folders of certbot, say
    except OSError as error:
        closed.append(error)
        return
    for name in names:
        if len(parts) > 1:
            yield from _files(folder / name, parts[1:], closed)
        else:
            yield folder / name


def _names(folder: Path, part: str) -> Sequence[str]:
    if not _WILD.intersection(part):
        os.lstat(folder / part)
        return [part]
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if fnmatchcase(entry.name, part))
