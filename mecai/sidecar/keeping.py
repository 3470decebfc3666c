"""What is in the store, kept good: what is no longer good is removed, and nothing comes in but what is.

What is written was judged a moment before by the rules of a client. A good file is never replaced by a bad one, and a
voucher for all addresses not by one for fewer. Whoever calls holds the round's lock.
"""

import logging
import os
from collections.abc import Container, Sequence
from datetime import datetime

from mecai.errors import HostError, InputError, MecaiError, VerificationError
from mecai.protocol.pki.identity import address_text
from mecai.service.regular import Irregular
from mecai.sidecar.complaints import TOLD, Complaints
from mecai.sidecar.config import SidecarConfig
from mecai.sidecar.kinds.kind import Servable, StapleKind
from mecai.sidecar.store import StapleKey, StapleStore
from mecai.sidecar.verdicts import Verdicts
from mecai.sidecar.wanted import Wanted

LOG = logging.getLogger(__name__)


class Keeper:
    """The one who writes and removes in the store of `config`."""

    def __init__(
        self, config: SidecarConfig, kinds: Sequence[StapleKind], complaints: Complaints, verdicts: Verdicts
    ) -> None:
        self._kinds = kinds
        self._store = StapleStore(config.staples)
        self._verdicts = verdicts
        self._complaints = complaints

    def tidy(self, wanted: Wanted, now: datetime) -> Container[StapleKey]:
        """Remove what is no longer good, and return what is left; what is configured and gone is then due at once."""
        found = self._store.survey(self._verdicts.owned)
        self._verdicts.keep(found.keys())
        removed = [key for key, status in found.items() if not self._keep_or_remove(key, status, wanted, now)]
        for key in removed:
            del found[key]
        if len(removed) > TOLD:
            LOG.warning("removed from the store: %d files in all", len(removed))
        return found.keys()

    def _keep_or_remove(self, key: StapleKey, status: os.stat_result, wanted: Wanted, now: datetime) -> bool:
        """Remove what is at `key` unless it is good; tell whether it is there still."""
        try:
            self._verdicts.stored(key, wanted, now, status)
        except (VerificationError, Irregular) as error:
            return not self._removed(key, error)
        except HostError as error:
            self._complaints.say(f"left in the store: {error}")
        except Exception:
            LOG.exception("left in the store: %s cannot be judged", key, extra={"key": str(key)})
        return True

    def _removed(self, key: StapleKey, why: MecaiError) -> bool:
        try:
            self._store.remove(key)
        except HostError as error:
            self._complaints.say(f"left in the store: {error}; {why}")
            return False
        self._complaints.say(f"removed from the store: {key}: {why}")
        return True

    def write(self, kind: StapleKind, key: StapleKey, data: bytes, wanted: Wanted, now: datetime) -> Servable:
        """Judge what came and write it; raises `MecaiError`."""
        servable, _ = self._judge(kind, key, data, wanted, now)
        self._store.write(key, data)
        self._verdicts.remember(key, data, servable, wanted, now)
        return servable

    def take(self, key: StapleKey, data: bytes, wanted: Wanted, now: datetime) -> bool:
        """Judge what somebody brought and write it, unless what is there is as good; raises `MecaiError`."""
        kind = next((kind for kind in self._kinds if kind.owns(key.name)), None)
        if kind is None or key.certificate not in wanted.sites:
            raise InputError("is no staple of a certificate of this server")
        servable, former = self._judge(kind, key, data, wanted, now)
        if former and former.left_out == servable.left_out and former.next_update >= servable.next_update:
            return False
        self._store.write(key, data)
        return True

    def _judge(
        self, kind: StapleKind, key: StapleKey, data: bytes, wanted: Wanted, now: datetime
    ) -> tuple[Servable, Servable | None]:
        """Return the verdict on what came, which is no worse than what is there, and on that; raises `MecaiError`."""
        servable = kind.judge(data, key, wanted.sites[key.certificate], wanted.directory, now)
        try:
            former = self._verdicts.stored(key, wanted, now) if self._store.holds(key) else None
        except VerificationError:
            former = None
        if former and set(former.left_out) < set(servable.left_out):
            lost = ", ".join(map(address_text, sorted(set(servable.left_out) - set(former.left_out))))
            detail = f"the new voucher leaves out {lost}; the former stays until it expires"
            raise VerificationError("address-mismatch", "V9", detail)
        return servable, former
