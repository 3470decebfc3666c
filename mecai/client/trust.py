"""The context of a client that runs for days: made anew when the directory's file has changed."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from mecai.client.context import VoucherContext
from mecai.client.policy import ClientPolicy
from mecai.errors import MecaiError
from mecai.service.file_status import FileStatus

LOG: Final = logging.getLogger(__name__)


class Trust:
    """Holds the newest context that could be made; for one event loop."""

    def __init__(self, policy: ClientPolicy, protocols: Sequence[str] = ()) -> None:
        """Make the first, which offers `protocols` (ALPN); raises as `VoucherContext.from_policy`."""
        self._policy, self._protocols = policy, protocols
        self._lock = asyncio.Lock()
        self._read: FileStatus | None = None
        self._changed()
        self._context = self._make()

    @property
    def mode(self) -> str:
        """The policy's mode."""
        return self._policy.mode

    async def context(self) -> VoucherContext:
        """Return it; a directory that cannot be taken leaves the former in force until its own end (rule D4)."""
        async with self._lock:
            if self._changed():
                try:
                    self._context = await asyncio.to_thread(self._make)
                except MecaiError as error:
                    LOG.warning("the former directory stays in force: %s", error)
            return self._context

    def _make(self) -> VoucherContext:
        context = VoucherContext.from_policy(self._policy)
        if self._protocols:
            context.set_alpn_protocols(self._protocols)
        return context

    def _changed(self) -> bool:
        """Tell whether the directory's file may be another than at the last look; one that is gone is no other."""
        try:
            found = FileStatus.of(self._policy.directory.stat())
        except OSError:
            return False
        same = found == self._read
        self._read = found if found.settled() else None
        return not same
