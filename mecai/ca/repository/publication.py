"""What an authority tells the world: its certificates, the status of what they signed, its CRLs.

All of it is in the public directory, each file renamed into place, for the OCSP responder and a web server to read. A
certificate's status is written when it is issued or revoked, and again when it grows old; nothing else is touched then.

The register says what is due, and goes on saying so until the file is on disk (`mecai.ca.storage.schedule`): what a
crash left undone, the next `publish` does. It also brings back files that are lost, removes what has no place, and
signs anew what a clock that ran ahead dated in the future.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final

from mecai.ca.config import AuthorityConfig
from mecai.ca.repository.crl import crl_name, sign_crl
from mecai.ca.repository.single_response import SHA1, IssuerId, SingleResponse
from mecai.ca.repository.status import StatusFolder, make_public
from mecai.ca.storage.keystore import Keystore
from mecai.ca.storage.records import CurrentStatus, Issuer
from mecai.ca.storage.schedule import PublicationSchedule
from mecai.protocol.limits import LIMITS
from mecai.service import durable

RETENTION: Final = timedelta(days=30)  # how long the status of an expired certificate is still told
RESPONSE_LIFE: Final = LIMITS.authority_status_lifetime
RESPONSE_REFRESH: Final = timedelta(hours=12)  # the age at which publishing signs a response anew
BATCH: Final = 50  # statuses that are published before others get their turn: some 0.2 seconds

Lock = Callable[[], AbstractContextManager[None]]


class Publication:
    """The public directory of an authority. Failures are `HostError`; what was not published stays due."""

    def __init__(self, config: AuthorityConfig, keystore: Keystore, schedule: PublicationSchedule, lock: Lock) -> None:
        self._config = config
        self._keystore = keystore
        self._schedule = schedule
        self._lock = lock
        self._statuses = StatusFolder(config.public)
        self._crl_life = timedelta(days=config.days.crl)
        self._issuer_ids: Mapping[Issuer, IssuerId] = {
            issuer: IssuerId.of(credential.certificate, SHA1) for issuer, credential in keystore.items()
        }

    def is_complete(self) -> bool:
        """Tell whether every file that the configuration asks for is there."""
        names = [f"{issuer}.pem" for issuer in Issuer]
        if self._config.lists_revoked:
            names += [crl_name(issuer) for issuer in Issuer]
        return self._statuses.is_complete() and all((self._config.public / name).exists() for name in names)

    def publish(self, now: datetime) -> None:
        """Publish whatever is due or lost; takes the lock, and gives it up between batches."""
        with self._lock():
            self._schedule.end_future(now)
            self._publish_certificates()
            lost = self._reconcile(now)
            if lost:
                self._statuses.mark_incomplete()
        due = self._schedule.due(now, RESPONSE_REFRESH, now - RETENTION)
        self._publish_batches(tuple(dict.fromkeys((*due, *lost))), now)
        self._statuses.mark_complete()
        self.publish_crls(now)

    def publish_statuses(self, serials: Sequence[str], now: datetime) -> None:
        """Publish the status of some certificates, whether it is due or not. Needs the lock."""
        self._statuses.make()
        for status in self._schedule.statuses(serials):
            self._statuses.write(status.issuer, status.serial, self._sign(status, now))
        self._schedule.published(serials, now + RESPONSE_REFRESH)

    def publish_crls(self, now: datetime) -> None:
        """Publish the CRLs that are due or lost, if the configuration asks for any; takes the lock."""
        if not self._config.lists_revoked:
            return
        for issuer in self._keystore:
            with self._lock():
                due = self._schedule.is_crl_due(issuer, now, self._crl_life / 2)
                if due or not (self._config.public / crl_name(issuer)).exists():
                    self._publish_crl(issuer, now)

    def _publish_batches(self, serials: Sequence[str], now: datetime) -> None:
        for start in range(0, len(serials), BATCH):
            with self._lock():
                self.publish_statuses(serials[start : start + BATCH], now)

    def _publish_certificates(self) -> None:
        make_public(self._config.public)
        self._statuses.make()
        for issuer, credential in self._keystore.items():
            durable.replace(self._config.public / f"{issuer}.pem", credential.pem, durable.PUBLIC)

    def _reconcile(self, now: datetime) -> list[str]:
        """Remove what is in the folder and has no place there; return the serial numbers that are missing in it."""
        missing: list[str] = []
        for issuer in Issuer:
            current, found = self._schedule.current(issuer, now - RETENTION), self._statuses.found(issuer)
            self._statuses.remove(issuer, found - current)
            missing += sorted(current - found)
        return missing

    def _sign(self, status: CurrentStatus, now: datetime) -> bytes:
        credential = self._keystore[status.issuer]
        response = SingleResponse(
            issuer=self._issuer_ids[status.issuer],
            serial=int(status.serial, 16),
            issued=True,
            revocation=status.revocation,
            this_update=now,
            next_update=now + RESPONSE_LIFE,
        )
        return response.sign(credential.key, credential.certificate, delegated=False)

    def _publish_crl(self, issuer: Issuer, now: datetime) -> None:
        number, life = self._schedule.next_crl_number(issuer), self._crl_life
        crl = sign_crl(self._keystore[issuer], self._schedule.revoked(issuer, now - RETENTION), number, now, life)
        durable.replace(self._config.public / crl_name(issuer), crl, durable.PUBLIC)
        self._schedule.crl_published(issuer, now + life / 2)
