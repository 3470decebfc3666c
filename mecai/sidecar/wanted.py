"""What is wanted now: the directory, the sites that can be served, and a task for each file that they need.

Directory and chains are read anew only when a file or the time asks for it (`mecai.sidecar.memory`).
"""

import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Final

from mecai.errors import InputError, MecaiError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Directory
from mecai.service.directory_file import read_directory
from mecai.service.regular import read_if_there
from mecai.sidecar.config import CertificateEntry, SidecarConfig
from mecai.sidecar.kinds.kind import FetchTask, StapleKind
from mecai.sidecar.memory import FileMemory, Lasting
from mecai.sidecar.places import entries_of
from mecai.sidecar.privacy import privacy_of
from mecai.sidecar.site import Site, load_site, succession

LARGEST_CHAIN: Final = 256 * 1024  # octets of a file with a chain in PEM


@dataclass(frozen=True)
class Wanted:
    """The sites by the hash of their certificate, and why others cannot be served.

    `basis` is everything in the directory that a verdict rests upon: its content, and how much of its distrust is in
    force by now.
    """

    directory: Directory
    basis: Hashable
    sites: Mapping[bytes, Site]
    tasks: tuple[FetchTask, ...]
    failures: Mapping[Path, MecaiError]


class Surveyor:
    """Finds out what is wanted, again and again."""

    def __init__(self, config: SidecarConfig, kinds: Sequence[StapleKind]) -> None:
        self._config = config
        self._kinds = kinds
        self._directory: FileMemory[Path, Directory] = FileMemory(LIMITS.directory_size)
        self._sites: FileMemory[CertificateEntry, tuple[Site, tuple[FetchTask, ...]]] = FileMemory(LARGEST_CHAIN)

    def survey(self, now: datetime) -> Wanted:
        """Read the directory and the chains, each of which fails alone; raises `MecaiError` for the directory."""
        directory = self._read_directory(now)
        basis = directory.hash, sum(entry.time <= now for entry in directory.distrust)
        sites: dict[bytes, Site] = {}
        tasks: list[FetchTask] = []
        entries, failures = entries_of(self._config)
        for entry in sorted(entries, key=attrgetter("optional")):
            if entry.optional and not os.path.lexists(entry.chain):
                continue
            load = partial(self._load, entry, directory, now)
            try:
                site, its_tasks = self._sites.recall(entry, entry.chain, (basis, succession(entry)), now, load)
                if site.hash in sites and entry.optional:
                    continue  # no later one is there yet: `next` of a slot leads to the live one
                if site.hash in sites:
                    raise InputError(
                        f"{entry.chain}: shows the certificate of another entry; give one entry with all addresses"
                    )
            except MecaiError as error:
                failures[entry.chain] = error
            else:
                sites[site.hash] = site
                tasks.extend(its_tasks)
        return Wanted(directory, basis, sites, tuple(tasks), failures)

    def _read_directory(self, now: datetime) -> Directory:
        config = self._config

        def read(_: bytes) -> Lasting[Directory]:
            directory = read_directory(config.directory, config.publishers, config.private, now)
            return Lasting(directory, directory.expires)

        pins = read_if_there(config.publishers, LARGEST_CHAIN)
        return self._directory.recall(config.directory, config.directory, pins, now, read)

    def _load(
        self, entry: CertificateEntry, directory: Directory, now: datetime, pem: bytes
    ) -> Lasting[tuple[Site, tuple[FetchTask, ...]]]:
        site = load_site(entry, pem, directory, privacy_of(self._config), now)
        tasks = tuple(task for kind in self._kinds for task in kind.tasks(site, directory))
        return Lasting((site, tasks), site.valid_until)
