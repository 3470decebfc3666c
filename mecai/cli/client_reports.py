"""What `mecai client reports` does, loaded when it does it, and what a visit does about its report at its end."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import Any, Final

import click

from mecai.cli.arguments import now
from mecai.cli.show.tables import Row, show_table
from mecai.client.audit import Audited
from mecai.client.besides import Besides
from mecai.client.errands import Errands
from mecai.client.outbox import Delivery, Kept, Outbox
from mecai.client.policy import ClientPolicy, read_policy
from mecai.client.report import report_name
from mecai.client.reporting import TAKEN, Reporter
from mecai.client.state import load_directory
from mecai.errors import HostError, MecaiError
from mecai.protocol.objects.report import Report
from mecai.service.deadline import Deadline
from mecai.service.printable import one_line

AUDIT_SECONDS: Final = 15.0  # that a visit goes on for its audit
SECONDS: Final = 5.0  # that a visit goes on for its reports; what is not told by then the next one tells
_HEADINGS: Final = ("report", "time", "reason", "state")
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


class Afterwards:
    """What follows a visit once it is shown: its audit, a person who is asked, and time to send a report.

    What fails is a line, and changes no exit code.
    """

    def __init__(self, besides: Besides, style: str) -> None:
        self._besides, self._undecided, self._audited = besides, list[Report](), list[Audited]()
        self._asks = style == "text" and sys.stdin.isatty() and sys.stderr.isatty()
        if besides.reporter:
            besides.reporter.ask = self._undecided.append  # which decides nothing
        if besides.auditor:
            besides.auditor.heard = self._audited.append

    def finish(self) -> None:
        """Wait for the audit, ask if there is a terminal, and wait for some seconds more."""
        self._besides.errands.wait(Deadline(AUDIT_SECONDS if self._besides.auditor else SECONDS))
        for audited in self._audited:
            click.echo(f"mecai: audit: {one_line(audited.by)} {_word(audited)}", err=True)
        agreed = [name for name in map(report_name, self._undecided) if self._decides(name)]
        if agreed:
            self._besides.errands.wait(Deadline(SECONDS))

    def _decides(self, name: str) -> bool:
        """Have a person decide; tells whether there is something to send now."""
        if not self._asks or not self._besides.reporter:
            click.echo(f"mecai: a report waits for your word: mecai client reports send {name}", err=True)
            return False
        agreed = _agreed()
        try:
            self._besides.reporter.decide(name, send=agreed)
        except MecaiError as error:
            click.echo(f"mecai: {one_line(str(error))}", err=True)
        return agreed


def _word(audited: Audited) -> str:
    if audited.agrees:
        return "vouches as well"
    return f"{'says nothing' if audited.agrees is None else 'disagrees'}: {one_line(audited.detail)}"


def _agreed() -> bool:
    question = "Report to Voucher Authorities what was shown: certificates, address, port, time, and this verdict?"
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # the terminal has gone, or Ctrl-C: that is no yes
        return False


def list_reports(config: Path, style: str) -> int:
    """Print what waits in the outbox and what came of it; raises `HostError` or `InputError`."""
    policy = read_policy(config)
    kept = _kept(policy)
    names: dict[bytes, str] = {}
    with suppress(MecaiError):  # a directory that cannot be read hides no report
        names = {each.authority: each.name for each in load_directory(policy, now()).authorities}
    if style == "json":
        click.echo(json.dumps([_document(each, names) for each in kept], indent=2))
    elif kept:
        show_table(_HEADINGS, [Row(_cells(each), [each.site, *_ways(each, names)]) for each in kept])
    else:
        click.echo("no reports")
    return 0


def send_reports(config: Path, names: Sequence[str], timeout: float) -> int:
    """Send the reports named, or all that nobody needs to be asked about; returns the exit code."""
    policy = read_policy(config)
    reporter = Reporter(
        policy.reports, load_directory(policy, now()), policy.tellable, policy.report_to, now, SystemRandom(), Errands()
    )
    for name in names or [each.name for each in _kept(policy) if not each.held]:
        reporter.outbox.release(name, now())
    told = reporter.tell_due(Deadline(timeout))
    for each in told:
        click.echo(f"{each.report}  {one_line(each.authority)}  {one_line(each.said)}")
    if not told:
        click.echo("nothing to send")
    return 0 if all(each.said == TAKEN for each in told) else HostError.exit_code


def drop_reports(config: Path, names: Sequence[str]) -> int:
    """Forget the reports named; raises `InputError` for one that is not there."""
    outbox = Outbox(read_policy(config).reports)
    for name in names:
        outbox.drop(name, now())
    return 0


def _kept(policy: ClientPolicy) -> tuple[Kept, ...]:
    """Read the outbox; looking makes none."""
    return Outbox(policy.reports).list(datetime.now(UTC)) if policy.reports.exists() else ()


def _cells(kept: Kept) -> tuple[str, ...]:
    waits = any(each.due for each in kept.deliveries)
    state = "asks you" if kept.held else "waits" if waits else "done"
    return (kept.name, kept.made.strftime(_TIME), kept.reason or "-", state)


def _ways(kept: Kept, names: Mapping[bytes, str]) -> list[str]:
    return [f"{names.get(each.authority, each.authority.hex())}: {_became(each)}" for each in kept.deliveries]


def _became(delivery: Delivery) -> str:
    if delivery.due is None or not delivery.tries:
        return delivery.said or "not told yet"
    return f"again from {delivery.due:{_TIME}} on, {delivery.tries} in vain: {delivery.said}"


def _document(kept: Kept, names: Mapping[bytes, str]) -> dict[str, Any]:
    return {
        "name": kept.name,
        "time": kept.made.strftime(_TIME),
        "site": kept.site,
        "reason": kept.reason or None,
        "held": kept.held,
        "deliveries": [
            {
                "authority": each.authority.hex(),
                "name": names.get(each.authority),
                "due": each.due.strftime(_TIME) if each.due else None,
                "tries": each.tries,
                "said": each.said or None,
            }
            for each in kept.deliveries
        ],
    }
