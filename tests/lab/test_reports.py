"""What one authority is told, all others hear, by its report key: a client's report, and an operator's notice."""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from typing import TypeVar

import pytest
from cryptography import x509

from mecai.protocol.objects.report import Report, Verdict
from mecai.protocol.pki.identity import address_octets, address_text, hash_of
from testbed.machine.limits import PATIENCE
from testbed.machine.waiting import until
from tests.lab.asking import ask
from tests.lab.conftest import Machine, chosen

# A worker looks every 5 s at least. A VA that took more than two seconds for the last one, as on a machine that is busy
# with other things, is spared for 5 minutes (docs/voucher-authority.md).
TURN = 5
SECONDS = 330 * PATIENCE
REPORTS = "/v1/reports"
JSON = "application/json"
OPERATE = "runuser -u mecai-vas -- mecai vas "
T = TypeVar("T")
pytestmark = pytest.mark.lab_only("a report, and a notice, of nothing that happened")


def test_what_a_client_reports_to_one_authority_is_listed_once_by_all(site: Machine) -> None:
    """At an address that nobody reported this certificate at before: another one of the site's network."""
    told, *rest = _telling(chosen("authority"))
    chain = x509.load_pem_x509_certificates(site.shell.file(f"/etc/ssl/certs/{site.told.site}.pem").content)
    seen = _beside(site)
    moment = datetime.now(UTC).replace(microsecond=0)
    report = Report(tuple(chain), seen, 443, moment, Verdict.REFUSED, "no-voucher")
    status, _, body = ask(site, told, REPORTS, json.dumps(report.members()).encode(), JSON)
    assert status == 200, body

    wanted = {"certificate": hash_of(chain[0]).hex(), "address": address_text(seen)}
    for authority in (told, *rest):
        found = _awaited(partial(_listed, site, authority, wanted), f"{authority.name} was not told")
        assert [(each["verdict"], each["reason"]) for each in found] == [("refused", "no-voucher")], authority.name


def test_a_notice_changes_nothing_by_itself_and_is_a_refusal_once_it_is_adopted() -> None:
    """It names no certificate of anybody's."""
    sender, receiver, *_ = _telling(chosen("authority"))
    subject, reason = secrets.token_hex(32), "a test of the lab"
    said = sender.run(f"{OPERATE} incident send --certificate %s --reason %s", subject, reason)
    name = said.removeprefix("notice ").partition(":")[0]

    notice = _awaited(partial(_notice, receiver, name), f"{receiver.name} has no notice {name}")
    assert (notice["kind"], notice["subject"], notice["reason"]) == ("certificate", subject, reason)
    assert subject not in receiver.run(f"{OPERATE} distrust list --format json")
    assert subject not in sender.run(f"{OPERATE} distrust list --format json")

    receiver.run(f"{OPERATE} distrust adopt %s", name)
    refused = receiver.run(f"{OPERATE} distrust list --format json")
    receiver.run(f"{OPERATE} distrust remove %s", subject)
    assert subject in refused
    assert name in refused


def _telling(authorities: tuple[Machine, ...]) -> tuple[Machine, ...]:
    """Return the authorities that have report keys, two at least."""
    found = tuple(each for each in authorities if each.told.report_key)
    if len(found) < 2:
        pytest.skip("there are no two authorities with report keys")
    return found


def _awaited(probe: Callable[[], T | None], what: str) -> T:
    """Ask as often as a worker looks: a reader of the feed has only so many requests a minute."""
    return until(probe, SECONDS, lambda: what, interval=TURN)


def _beside(site: Machine) -> bytes:
    """Return an address of the network (/112) of a site's IPv6 address, each time another one."""
    own = next(each for each in map(ip_address, site.told.addresses) if each.version == 6)
    return address_octets(str(ip_address(int(own) & ~0xFFFF | secrets.randbelow(1 << 16))))


def _listed(asker: Machine, authority: Machine, wanted: dict[str, str]) -> list[dict[str, str]]:
    """Return the reports of a certificate at an address in an authority's feed."""
    status, _, body = ask(asker, authority, f"{REPORTS}?limit=100")
    assert status == 200, body
    return [each for each in json.loads(body)["reports"] if wanted.items() <= each.items()]


def _notice(authority: Machine, name: str) -> dict[str, str] | None:
    listed = json.loads(authority.run(f"{OPERATE} incident list --format json"))
    return next((each for each in listed if each["notice"] == name), None)
