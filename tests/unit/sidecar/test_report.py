"""The report: every state that a voucher or a staple can be in."""

from dataclasses import replace
from pathlib import Path

from mecai.sidecar.config import CertificateEntry
from mecai.sidecar.standing import State
from mecai.vrp.answers import Held, RequestRefused
from tests.pki import DAY, HOUR, NOW
from tests.unit.sidecar.conftest import SECOND, Side


def test_before_the_first_round_everything_is_missing(side: Side) -> None:
    rows = side.report()
    assert list(rows) == ["OCSP staple", "birch", "cedar", "dogwood"]
    assert {row.state for row in rows.values()} == {State.MISSING}
    assert {row.certificate for row in rows.values()} == {"www.example.test"}
    assert {row.due for row in rows.values()} == {NOW}


def test_good(side: Side) -> None:
    due = side.run()
    rows = side.report()
    assert {row.state for row in rows.values()} == {State.GOOD}
    assert min(row.due for row in rows.values() if row.due) == due
    assert (rows["OCSP staple"].kind, rows["OCSP staple"].next_update) == ("ocsp", NOW + 47 * HOUR)
    assert (rows["birch"].kind, rows["birch"].detail) == ("voucher", "")


def test_partial(side: Side) -> None:
    side.answer(side.scene.birch, side.scene.voucher(side.scene.birch, addresses=(SECOND,)))
    side.run()
    row = side.report()["birch"]
    assert (row.state, row.state.served, row.detail) == (State.PARTIAL, True, "not for 198.18.0.10")


def test_expired_and_bad_and_missing(side: Side) -> None:
    side.run()
    side.now = NOW + DAY
    side.path(side.scene.cedar).write_bytes(b"damaged")
    side.path(side.scene.dogwood).unlink()
    states = {name: row.state for name, row in side.report().items()}
    assert states == {
        "OCSP staple": State.GOOD,
        "birch": State.EXPIRED,
        "cedar": State.BAD,
        "dogwood": State.MISSING,
    }


def test_what_was_said_when_it_was_fetched(side: Side) -> None:
    side.answer(side.scene.birch, Held(NOW + 3 * DAY))
    side.answer(side.scene.cedar, RequestRefused("https://vas.cedar.test: unreachable: no route"))
    side.run()
    rows = side.report()
    assert rows["birch"].detail == "on hold until 2026-03-05T12:00:00Z"
    assert rows["cedar"].detail == "https://vas.cedar.test: unreachable: no route"


def test_a_chain_that_cannot_be_served(side: Side, tmp_path: Path) -> None:
    entry = CertificateEntry(tmp_path / "none.pem", ("198.18.0.10",))
    side.config = replace(side.config, certificates=(entry,))
    (row,) = side.report().values()
    assert (row.state, row.kind, row.certificate) == (State.UNREADABLE, "certificate", str(entry.chain))
