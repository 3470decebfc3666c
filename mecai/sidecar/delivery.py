"""Vouchers and staples on their way from the host that fetches them to the one that serves them.

Who receives believes nothing: the directory is accepted as from a file, and each file is judged by the rules of a
client before it is written. Nobody is asked anything.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from mecai.errors import HostError, Malformed, MecaiError
from mecai.protocol.limits import LIMITS
from mecai.protocol.pki.identity import hash_of
from mecai.service.deadline import Deadline
from mecai.service.directory_file import read_directory
from mecai.service.durable import PUBLIC, SECRET, replace
from mecai.service.locks import locked
from mecai.service.pem import load_certificates
from mecai.service.regular import read_regular
from mecai.sidecar import renewed, stream, successions
from mecai.sidecar.complaints import Complaints
from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.judges import judges
from mecai.sidecar.keeping import Keeper
from mecai.sidecar.places import entries_of
from mecai.sidecar.refresh import Environment
from mecai.sidecar.store import StapleStore
from mecai.sidecar.verdicts import LARGEST

SECONDS: Final = 300.0  # for a whole delivery, as who sends sees it
TAKING_SECONDS: Final = 240.0  # as who receives sees it: it says what is wrong while the other still listens
PATIENCE: Final = 60.0  # of those, for another process's round, or another delivery


@dataclass
class Received:
    """What came of a delivery: how many files were written, were there already, were refused, and why the first.

    `chains` are those that are shown here and for which nothing was brought: whoever fetches may not know them yet. Nor
    the `successions` of today, of all that is shown here: a staple comes also for a certificate that is on hold.
    """

    written: int = 0
    unchanged: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)
    chains: list[str] = field(default_factory=list)
    successions: list[str] = field(default_factory=list)

    def refuse(self, name: str, error: MecaiError, told: int = 20) -> None:
        """Count a refusal."""
        self.refused += 1
        if len(self.reasons) < told:
            self.reasons.append(f"{name}: {error}")


def send(config: SidecarConfig, environment: Environment, descriptor: int, deadline: Deadline) -> int:
    """Write the directory, and what is in the store for a certificate of the settings; return how many files.

    So one host may fetch for several: the settings that it delivers by name the certificates of one. Raises
    `HostError`, also where they are not taken by the deadline, and `OSError` where nobody reads.
    """
    store = StapleStore(config.staples)
    kinds, shown = environment.kinds(config), set(_certificates(config))
    first = stream.FIRST + stream.one(None, read_regular(config.directory, LIMITS.directory_size))
    stream.write(descriptor, first, deadline)
    count = 1
    for key in store.keys(lambda name: any(kind.owns(name) for kind in kinds)):
        if key.certificate not in shown:
            continue
        try:
            data = read_regular(store.path(key), LARGEST, follow=False)
        except HostError:
            continue  # gone meanwhile, or no file: nobody misses it
        stream.write(descriptor, stream.one(key, data), deadline)
        count += 1
    stream.write(descriptor, stream.last(count), deadline)
    return count


def _certificates(config: SidecarConfig) -> Iterator[bytes]:
    """Yield the hash of each certificate that can be read; of the others `status` tells."""
    for entry in entries_of(config)[0]:
        with suppress(MecaiError):
            yield hash_of(load_certificates(entry.chain)[0])


def receive(config: SidecarConfig, environment: Environment, descriptor: int) -> Received:
    """Take a delivery that is read from a descriptor; what is good of it is served from then on.

    A delivery that breaks off, or is none, raises `Malformed`; one that is slow (`TAKING_SECONDS`, and
    `stream.FILE_SECONDS` for each file), or finds another process at work for `PATIENCE` seconds, `HostError`. What
    came before that is in its place all the same. Raises `MecaiError` where there is no directory to judge by.
    """
    received = Received()
    files = stream.files_of(descriptor, Deadline(TAKING_SECONDS))
    first = next(files, None)
    if first:  # nobody is kept waiting by a sender that says nothing
        with locked(config.private / "round.lock", PATIENCE):
            _take(config, environment, chain([first], files), received)
    return received


def _take(config: SidecarConfig, environment: Environment, files: Iterator[stream.File], received: Received) -> None:
    first = next(files, None)
    if first and first[0] is None:
        try:
            _take_directory(config, environment, first[1])
        except MecaiError as error:
            received.refuse("directory.der", error)
        first = next(files, None)
    _take_files(config, environment, chain([first] if first else [], files), received)


def _take_directory(config: SidecarConfig, environment: Environment, data: bytes) -> None:
    """Accept a directory as one that lies in a file (docs/spec D2, D3), then put it there."""
    new = config.private / "directory.new"
    replace(new, data, SECRET)
    try:
        read_directory(new, config.publishers, config.private, environment.clock())
        replace(config.directory, data, PUBLIC)
    finally:
        new.unlink(missing_ok=True)


def _take_files(
    config: SidecarConfig,
    environment: Environment,
    files: Iterator[stream.File],
    received: Received,
) -> None:
    kinds, now = environment.kinds(config), environment.clock()
    complaints = Complaints()
    known = judges(config, kinds)
    keeper = Keeper(config, kinds, complaints, known.verdicts)
    wanted = known.surveyor.survey(now)
    for error in wanted.failures.values():
        complaints.say(f"certificate cannot be served: {error}")
    keeper.tidy(wanted, now)
    brought: set[bytes] = set()
    for key, data in files:
        if key is None:
            raise Malformed("delivery: a directory that is not the first file")
        brought.add(key.certificate)
        try:
            written = keeper.take(key, data, wanted, now)
        except MecaiError as error:
            received.refuse(str(key), error)
        else:
            received.written += written
            received.unchanged += not written
    received.chains = renewed.shown(site for digest, site in wanted.sites.items() if digest not in brought)
    received.successions = successions.told(wanted.sites.values(), now)
