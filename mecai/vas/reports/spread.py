"""What goes out: each report that a client brought, and each notice of this VA's own, to every other VA (F3, F7).

The outbox holds one message for all, which becomes one for each VA of the directories in force; that is tried again
until the VA has it, or for five days. A VA that is slow, or silent, is spared for a while, whatever it answers, so that
it takes little of the time of all others. What other VAs passed on stays here, so nothing goes in circles.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from mecai.errors import HostError
from mecai.protocol.objects.authorities import Authority
from mecai.vas.jobs.runner import GivenUp, Handler, PutOff
from mecai.vas.refusal import Refusal
from mecai.vas.reports.authorship import ReportSigner
from mecai.vas.storage.incidents import IncidentLog
from mecai.vas.storage.outbox import Message, put
from mecai.vas.storage.reports import FORWARD, INCIDENT, REPORT, ReportLog
from mecai.vas.trust.directories import Directories
from mecai.vrp.answers import RequestRefused
from mecai.vrp.tell import INCIDENT_TYPE, REPORT_TYPE, Tell, ToldInVain

SPARED: Final = timedelta(minutes=5)  # that a VA which is slow, or does not answer, is not asked again
SLOW: Final = 2.0  # seconds that one report may take
UNHEARD: Final = timedelta(days=1)  # after which a VA's "untrusted" is its last word: its directory has come by then
DONE: Final = "passed on"


@dataclass(frozen=True)
class Spread:
    """The handlers of these messages, for a VA with its report key; `tell` is the way to another VA.

    A VA is spared for each kind of message apart, so that no notice waits for reports.
    """

    engine: Engine
    directories: Directories
    signer: ReportSigner
    tell: Tell
    monotonic: Callable[[], float]
    _spared: dict[tuple[bytes, str], datetime] = field(default_factory=dict)

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers by the kind of message."""
        return {REPORT: self._to_all, INCIDENT: self._to_all, FORWARD: self._to_one}

    def _to_all(self, message: Message, now: datetime) -> str:
        """Put in one message for each VA; raises `HostError` while no directory says who they are."""
        others = self._others(now)
        with self.engine.begin() as connection:
            for each in others:
                body = {"kind": message.kind, "name": message.body["name"], "to": each.hex()}
                put(connection, FORWARD, f"{message.kind} {message.body['name']} {each.hex()}", body, now, due=now)
        return f"to {len(others)} other VAs"

    def _to_one(self, message: Message, now: datetime) -> str:
        """Tell one VA; raises `HostError` for what may go better later, `GivenUp` for what is not taken."""
        receiver, kind = bytes.fromhex(message.body["to"]), message.body["kind"]
        authority = self._others(now).get(receiver)
        if authority is None:
            raise GivenUp("no directory lists a server of it any longer")
        if (until := self._spared.get((receiver, kind), now)) > now:
            raise PutOff(f"{authority.name}: is spared, having been slow, silent or busy", until)
        path, content_type, octets = self._words(message, now)
        begun = self.monotonic()
        try:
            self.tell(authority.servers, path, content_type, octets)
        except ToldInVain as error:
            raise GivenUp(str(error)) from error
        except RequestRefused as refused:
            if refused.forbidden and now - message.created >= UNHEARD:
                raise GivenUp(str(refused)) from refused
            if refused.retry or not refused.final:
                self._spare(receiver, kind, now + (refused.retry or SPARED))
            if refused.retry:
                raise PutOff(str(refused), now + refused.retry) from refused
            raise
        finally:
            if self.monotonic() - begun >= SLOW:
                self._spare(receiver, kind, now + SPARED)
        return DONE

    def _spare(self, receiver: bytes, kind: str, until: datetime) -> None:
        self._spared[receiver, kind] = max(until, self._spared.get((receiver, kind), until))

    def _words(self, message: Message, now: datetime) -> tuple[str, str, bytes]:
        """Return path, media type and octets of what is to be told."""
        name = message.body["name"]
        if message.body["kind"] == INCIDENT:
            if (notice := IncidentLog(self.engine).find(bytes.fromhex(name))) is None:
                raise GivenUp("the notice is no longer kept")
            return "v1/incidents", INCIDENT_TYPE, notice.der
        if (filed := ReportLog(self.engine).find(name, now)) is None:
            raise GivenUp("the report is no longer kept")
        return "v1/reports", REPORT_TYPE, self.signer.pass_on(filed.report)

    def _others(self, now: datetime) -> dict[bytes, Authority]:
        """Return the other VAs that have a server, by their ids; the first directory that lists one counts."""
        try:
            directories = self.directories.in_force(now)
        except Refusal as refusal:
            raise HostError(refusal.detail) from refusal
        found: dict[bytes, Authority] = {}
        for directory in directories:
            for each in directory.authorities:
                if each.servers and each.authority != self.signer.authority:
                    found.setdefault(each.authority, each)
        return found


def kept_to_oneself(_message: Message, _now: datetime) -> str:
    """Handle such messages where there is no report key."""
    raise GivenUp("this VA has no report key: nothing is passed on")
