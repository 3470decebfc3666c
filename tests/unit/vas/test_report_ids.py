"""The outbox names reports by their ids: none is given twice, and what was sent counts for no other report."""

from datetime import timedelta

from sqlalchemy import Engine, delete, select

from mecai.protocol.objects.report import Report, Verdict
from mecai.vas.storage.reports import REPORT, ReportLog
from mecai.vas.storage.tables import OUTBOX, REPORTS
from tests.pki import DAY, NOW
from tests.unit.vas.outside import ALDER, ONE, SITE


def test_a_report_is_sent_after_all_former_ones_are_dropped(engine: Engine) -> None:
    for days in range(3):
        now = NOW + timedelta(days=days)
        with engine.begin() as connection:
            connection.execute(delete(REPORTS))
        report = Report((SITE.certificate, ALDER.issuing.certificate), ONE, 443, now, Verdict.ACCEPTED, None)
        assert ReportLog(engine).keep(report, now, reporter="192.0.2.7")
    with engine.connect() as connection:
        sent = connection.execute(select(OUTBOX.c.created).where(OUTBOX.c.kind == REPORT)).scalars().all()
    assert sent == [NOW, NOW + DAY, NOW + 2 * DAY]
