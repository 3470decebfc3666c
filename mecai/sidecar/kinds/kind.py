"""What a kind of staple is to the rest of the sidecar: a file name, a way to fetch, a judgement, an end.

A third kind is a module beside these with its own `StapleKind` and `FetchTask`, and a line in `mecai.sidecar.kinds`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import ClassVar

from mecai.protocol.objects.authorities import Directory
from mecai.sidecar.site import Site
from mecai.sidecar.store import StapleKey
from mecai.vrp.answers import Held


@dataclass(frozen=True)
class Servable:
    """What a client would accept until `next_update`, but for those of the site's addresses that are left out."""

    this_update: datetime
    next_update: datetime
    left_out: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class FetchTask(ABC):
    """One file that is wanted for one site. `name` is what a person calls it."""

    site: Site
    name: str
    key: StapleKey
    kind: "StapleKind" = field(repr=False)

    @cached_property
    def identifier(self) -> str:
        """Its name in the schedule; a task that asks for something else is another task."""
        return str(self.key)

    @property
    @abstractmethod
    def whom(self) -> str:
        """Who is asked: of what has the same, one is asked for at a time."""

    @abstractmethod
    def fetch(self, now: datetime) -> bytes | Held:
        """Bring the file's content unjudged, or when to come again; raises `MecaiError`."""


class StapleKind(ABC):
    """Everything that differs between a voucher and an OCSP staple."""

    word: ClassVar[str]  # what `mecai sidecar status` calls the kind

    @abstractmethod
    def owns(self, name: str) -> bool:
        """Tell whether a file of this name in the store is of this kind."""

    @abstractmethod
    def tasks(self, site: Site, directory: Directory) -> tuple[FetchTask, ...]:
        """Return what is wanted for `site`; raises `Malformed` if nobody can be asked for it."""

    @abstractmethod
    def judge(self, data: bytes, key: StapleKey, site: Site, directory: Directory, now: datetime) -> Servable:
        """Judge what is at `key`, or is to be, by the rules of a client; raises `VerificationError`."""

    @abstractmethod
    def end(self, data: bytes, key: StapleKey) -> datetime | None:
        """Return when what is at `key` ends, judged by nothing else; raises `Malformed` for what belongs elsewhere."""
