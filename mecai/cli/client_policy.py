"""What `mecai client policy test` does, loaded when it does it: read the settings, and say what holds for each host."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from mecai.cli.show.tables import Row, show_table
from mecai.client.choices import NEVER, OFF
from mecai.client.policy import read_policy
from mecai.client.request import Destination
from mecai.client.ruling import Ruling, ruling

_HEADINGS: Final = ("host", "mode", "vouchers", "selection", "at most")


def test_policy(file: Path, hosts: Sequence[str], style: str) -> int:
    """Print the ruling for each host; raises `HostError` or `InputError`, also for what is no host."""
    policy = read_policy(file)
    rulings = [ruling(policy, Destination.of_host(host).host) for host in hosts]
    if style == "json":
        click.echo(json.dumps([dataclasses.asdict(each) for each in rulings], indent=2))
    else:
        show_table(_HEADINGS, [Row(_cells(each), list(_below(each))) for each in rulings])
    return 0


def _cells(found: Ruling) -> tuple[str, ...]:
    if found.intranet or found.mode == OFF:
        return (found.host, found.mode, "none", "", "")
    numbers = f"{found.quorum} of {found.candidates}"
    return (found.host, found.mode, numbers, found.selection, f"{found.max_voucher_hours} h")


def _below(found: Ruling) -> Iterator[str]:
    """Say why, and what has no column."""
    if found.intranet:
        yield f"[[intranet]] {found.intranet}: its private CA and fresh OCSP (M4)"
    if found.domain:
        yield f"[[domain]] {found.domain}"
    if found.intranet or found.mode == OFF:
        return
    if found.regional:
        yield f"[[regional]] {found.regional}: without {' '.join(found.without)}"
    if found.max_voucher_age_hours < found.max_voucher_hours:
        yield f"vouchers made within {found.max_voucher_age_hours} h"
    if found.max_status_hours is not None:
        yield f"statuses made within {found.max_status_hours} h"
    if found.contexts is not None:
        yield f"contexts {' '.join(found.contexts) or 'none'}"
    yield from _heard(found)


def _heard(found: Ruling) -> Iterator[str]:
    """Say when authorities hear of a visit."""
    wanted = {
        "direct": found.direct,
        "reporting": found.reporting,
        "audit": f"{found.audit:g}" if found.audit else NEVER,
    }
    told = [f"{key} {word}" for key, word in wanted.items() if word != NEVER]
    if told and found.private:
        told = [f"no authority hears of it: {found.private}"]
    yield from told
