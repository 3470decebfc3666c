"""What tests of reports (docs/spec F1 to F5) share: those that are made, who hears them, and who they get to."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from mecai.protocol.objects.authorities import Authority
from mecai.protocol.objects.entries import encode_certificate
from mecai.protocol.objects.report import Report, Verdict
from mecai.protocol.pki.identity import authority_id, hash_of, spki_der
from mecai.vas.jobs.runner import Runner
from mecai.vas.reports.authorship import ReportSigner
from mecai.vas.storage.tables import OUTBOX, REPORTS
from mecai.vas.worker import make_spreader
from mecai.vrp.tell import REPORT_TYPE
from tests.directories import directory
from tests.pki import NOW, Hierarchy, Issued, key
from tests.scene import authority_entry
from tests.unit.vas.conftest import Publish
from tests.unit.vas.outside import ALDER, BIRCH, CEDAR, SITE, Make, Vas

SEEN = {
    "chain": [encode_certificate(SITE.certificate), encode_certificate(ALDER.issuing.certificate)],
    "address": "198.18.113.9",
    "port": 443,
    "time": "2026-03-02T12:00:00Z",
    "verdict": "refused",
    "reason": "no-voucher",
    "text": "my bank never looked like this",
}
REPORT = Report(
    (SITE.certificate, ALDER.issuing.certificate), bytes([198, 18, 113, 9]), 443, NOW, Verdict.REFUSED, "quorum"
)
HASH = hash_of(SITE.certificate).hex()
STRANGER = Hierarchy("stranger")
ELM = Hierarchy("elm")


def id_of(ca: Hierarchy) -> bytes:
    return authority_id(spki_der(ca.root.certificate))


def signer(ca: Hierarchy, name: str = "") -> ReportSigner:
    """Give a VA its report key, or the key of another name."""
    return ReportSigner(key(name or f"{ca.name} report key"), id_of(ca))


def listed(ca: Hierarchy) -> Authority:
    return replace(authority_entry(ca), report_key=signer(ca).public_key)


ALL = directory(ALDER, listed(BIRCH), listed(CEDAR), listed(ELM), sequence=2)


def make_reporting(make: Make, publish: Publish) -> Vas:
    """Make the VA of birch, whose directory lists report keys."""
    vas = make()
    publish(ALL)
    return vas


def tell(vas: Vas, reporter: str = "192.0.2.7", **changes: Any) -> tuple[int, Any]:
    """Report as a client."""
    said = {name: value for name, value in {**SEEN, **changes}.items() if value is not None}
    answer = vas.http.post("/v1/reports", json=said, headers={"X-Forwarded-For": reporter})
    return answer.status_code, answer.json


def pass_on(vas: Vas, octets: bytes) -> tuple[int, Any]:
    """Pass a report on as another VA."""
    answer = vas.http.post("/v1/reports", data=octets, content_type=REPORT_TYPE)
    return answer.status_code, answer.json


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1]["type"].rpartition("/")[2]


def feed(vas: Vas, query: str = "") -> Any:
    return vas.http.get(f"/v1/reports{query}").json


def kinds(vas: Vas) -> list[str]:
    with vas.server.engine.connect() as connection:
        return list(connection.execute(select(OUTBOX.c.kind).order_by(OUTBOX.c.id)).scalars())


def rows_of_reports(vas: Vas) -> int:
    with vas.server.engine.connect() as connection:
        return len(connection.execute(select(REPORTS.c.id)).all())


class Others:
    """The other VAs: what each was told, and what it answers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str, bytes]] = []
        self.failures: dict[str, Exception] = {}
        self.seconds: dict[str, float] = {}  # that one takes for each
        self.clock = 0.0

    def tell(self, servers: Sequence[Any], path: str, content_type: str, octets: bytes) -> None:
        """Take what one is told."""
        url = servers[0].url
        self.told.append((url, path, content_type, octets))
        self.clock += self.seconds.get(url, 0.0)
        if url in self.failures:
            raise self.failures[url]


def worker(vas: Vas, others: Others, tmp_path: Path, *, with_key: bool = True) -> Runner:
    """Make what tells other VAs, beside the VA of birch."""
    path = tmp_path / "report-key.pem"
    path.touch(0o600)
    path.write_bytes(Issued(SITE.certificate, key("birch report key")).key_pem)
    config = replace(vas.server.config, report_key=path if with_key else None)
    return make_spreader(config, vas.server.engine, lambda: vas.outside.now, others.tell, lambda: others.clock)


def outcomes(vas: Vas) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with vas.server.engine.connect() as connection:
        for row in connection.execute(select(OUTBOX).order_by(OUTBOX.c.id)):
            found.setdefault(row.kind, []).append(row.outcome)
    return found


CEDARS, ELMS = "https://vas.cedar.test", "https://vas.elm.test"
