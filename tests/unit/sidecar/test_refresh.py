"""Rounds: what is written, what never is, what is taken away, and when somebody is asked again."""

import fcntl
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from mecai.errors import VerificationError
from mecai.protocol.limits import LIMITS
from mecai.protocol.objects.authorities import Server
from mecai.sidecar.config import CertificateEntry
from mecai.sidecar.schedule import SHORTEST, after_hold
from mecai.sidecar.standing import State
from mecai.vrp.answers import Held, RequestRefused
from tests.directories import directory
from tests.pki import DAY, HOUR, NOW, SERVER_AUTH, Hierarchy, issue, key, leaf_extensions
from tests.scene import ADDRESS, Scene, authority_entry
from tests.unit.sidecar.conftest import SECOND, Side

A_SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def urls(*authorities: Hierarchy) -> set[str]:
    return {f"https://vas.{va.name}.test" for va in authorities}


def test_vouchers_of_all_but_the_issuer_and_the_staple(side: Side) -> None:
    side.run()
    scene = side.scene
    others = (scene.birch, scene.cedar, scene.dogwood)
    assert set(side.asked) == urls(*others)
    assert {side.path(va) for va in (*others, None)} == set(side.config.staples.glob("*/*"))
    for va in others:
        assert side.written(va) == side.answers[f"https://vas.{va.name}.test"]
    assert side.path(None).stat().st_mode & 0o777 == 0o644
    assert side.path(None).parent.stat().st_mode & 0o777 == 0o755
    assert side.config.private.stat().st_mode & 0o777 == 0o700


def test_the_owner_of_a_root_that_is_shown_though_not_needed_is_not_asked(side: Side) -> None:
    """The chain file also holds alder's root as cedar certified it: no client would accept cedar's voucher (V6)."""
    shown = side.scene.cedar.cross_sign(side.scene.alder)
    chain = side.config.certificates[0].chain
    chain.write_bytes(side.scene.site.chain_pem + shown.pem)
    side.run()
    assert set(side.asked) == urls(side.scene.birch, side.scene.dogwood)


def test_a_succession_travels_once_it_is_there(side: Side, tmp_path: Path) -> None:
    """It may come after the chain: what was answered without it is asked anew (docs/spec H6)."""
    (entry,) = side.config.certificates
    file = tmp_path / "www.succession"
    side.config = replace(side.config, certificates=(replace(entry, succession=file),))
    side.run()
    assert {request.succession for request in side.requests.values()} == {None}
    file.write_bytes(b"signed by the predecessor")
    side.run()
    assert {request.succession for request in side.requests.values()} == {b"signed by the predecessor"}
    assert len(side.asked) == 3
    side.run()
    assert side.asked == []


def test_nobody_is_asked_before_the_time_has_come(side: Side) -> None:
    due = side.run()
    assert due is not None
    assert NOW + 8 * HOUR < due <= NOW + 12 * HOUR
    side.now = due - timedelta(seconds=1)
    assert (side.run(), side.asked) == (due, [])
    side.now = due
    side.run()
    assert len(side.asked) + len(side.responders.history) > 1


def test_everything_on_demand(side: Side) -> None:
    side.run()
    side.run(everything=True)
    assert len(side.asked) == 3
    assert len(side.responders.history) == 2


BAD: dict[str, Callable[[Scene], bytes]] = {
    "damaged": lambda scene: scene.voucher(scene.birch)[:-1] + b"\x00",
    "cut": lambda scene: scene.voucher(scene.birch)[:-100],
    "empty": lambda _: b"",
    "expired": lambda scene: scene.voucher(scene.birch, this_update=NOW - DAY, next_update=NOW),
    "not yet valid": lambda scene: scene.voucher(scene.birch, this_update=NOW + HOUR, next_update=NOW + DAY),
    "of another authority": lambda scene: scene.voucher(scene.cedar),
    "by another authority": lambda scene: scene.voucher(scene.birch, signer=scene.cedar.voucher),
    "for another server": lambda scene: scene.voucher(scene.birch, site=scene.alder.server("other.example.test")),
    "for another address": lambda scene: scene.voucher(scene.birch, addresses=(bytes(4),)),
    "with a revoked server": lambda scene: scene.voucher(
        scene.birch, evidence=[scene.alder.ocsp(scene.site, "revoked"), scene.alder.ocsp(scene.alder.issuing)]
    ),
    "of a revoked authority": lambda scene: scene.voucher(
        scene.birch, authority_status=scene.birch.ocsp(scene.birch.voucher, "revoked")
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_answer_is_never_laid(side: Side, bad: Callable[[Scene], bytes]) -> None:
    side.answer(side.scene.birch, bad(side.scene))
    side.run()
    assert side.written(side.scene.birch) is None
    assert side.written(side.scene.cedar) is not None


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_answer_never_replaces_a_good_voucher(side: Side, bad: Callable[[Scene], bytes]) -> None:
    side.run()
    good = side.written(side.scene.birch)
    side.answer(side.scene.birch, bad(side.scene))
    side.run(everything=True)
    assert side.written(side.scene.birch) == good


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_taken_away_and_fetched_anew(side: Side, bad: Callable[[Scene], bytes]) -> None:
    side.run()
    good = side.written(side.scene.birch)
    side.path(side.scene.birch).write_bytes(bad(side.scene))
    side.run()
    assert (side.written(side.scene.birch), set(side.asked)) == (good, urls(side.scene.birch))


def test_what_was_taken_away_is_not_there_while_its_authority_is_down(side: Side) -> None:
    side.run()
    side.path(side.scene.birch).write_bytes(b"damaged")
    side.answer(side.scene.birch, RequestRefused("down"))
    side.run()
    assert side.written(side.scene.birch) is None


def test_a_failing_authority_is_asked_again_ever_more_rarely(side: Side) -> None:
    side.run()
    side.answer(side.scene.birch, RequestRefused("down"))
    side.path(side.scene.birch).unlink()
    pauses = []
    for _ in range(9):
        due = side.run()
        assert due is not None
        pauses.append(due - side.now)
        side.now = due
    assert timedelta(seconds=22) < pauses[0] <= timedelta(seconds=30)
    assert pauses[:7] == sorted(pauses[:7])
    assert all(HOUR * 0.75 <= pause <= HOUR for pause in pauses[7:])
    assert set(side.asked) == urls(side.scene.birch)


def test_a_hold_is_waited_for(side: Side) -> None:
    side.answer(side.scene.birch, Held(NOW + 3 * DAY))
    side.run()
    side.now = NOW + HOUR
    side.run()
    assert side.asked == []
    side.answer(side.scene.birch, Held(NOW + 2 * HOUR))
    due = side.run(everything=True)
    assert due is not None
    assert NOW + 2 * HOUR <= due <= NOW + 2 * HOUR + MINUTE
    side.now = due
    side.answer(side.scene.birch, side.scene.voucher(side.scene.birch))
    side.run()
    assert side.written(side.scene.birch) is not None


@pytest.mark.parametrize(
    ("held", "pause"),
    [
        (Held(NOW + 40 * A_SECOND), 40 * A_SECOND),
        (Held(NOW + 5 * HOUR, 50 * A_SECOND), 50 * A_SECOND),  # it knows of an expedite statement, say
        (Held(NOW + 40 * A_SECOND, HOUR), HOUR),
        (Held(NOW - HOUR), 30 * A_SECOND),
        (Held(NOW + HOUR, 0 * A_SECOND), 30 * A_SECOND),
    ],
)
def test_what_is_on_hold_is_asked_for_when_the_authority_said(side: Side, held: Held, pause: timedelta) -> None:
    side.answer(side.scene.birch, held)
    dues = {side.run(everything=True) for _ in range(3)}
    assert len(dues) == 3  # by chance
    assert all(due is not None and pause <= due - NOW <= pause + min(pause / 10, MINUTE) for due in dues)


def test_no_hold_is_waited_for_longer_than_the_interval(side: Side) -> None:
    for held in (Held(NOW + 3 * DAY), Held(NOW + 3 * DAY, 2 * DAY), Held(NOW + 12 * HOUR - A_SECOND)):
        planned = after_hold(NOW, held, 12 * HOUR, side.environment.rng)
        assert NOW + 11 * HOUR < planned.due <= NOW + 12 * HOUR


def test_a_voucher_for_some_addresses_is_better_than_none(side: Side) -> None:
    partial = side.scene.voucher(side.scene.birch, addresses=(SECOND,))
    side.answer(side.scene.birch, partial)
    side.run()
    assert side.written(side.scene.birch) == partial


def test_but_it_replaces_none_for_all(side: Side) -> None:
    side.run()
    whole = side.written(side.scene.birch)
    side.answer(side.scene.birch, side.scene.voucher(side.scene.birch, addresses=(ADDRESS,)))
    side.run(everything=True)
    assert side.written(side.scene.birch) == whole
    assert "leaves out 2001:db8::10" in side.report()["birch"].detail


def test_other_addresses_are_asked_for_at_once(side: Side) -> None:
    side.run()
    side.addresses("198.18.0.10")
    side.run()
    assert len(side.asked) == 3


@pytest.mark.parametrize("status", ["revoked", "unknown", "down"])
def test_a_bad_staple_is_never_laid(side: Side, status: str) -> None:
    side.responders.status[side.scene.site.certificate.serial_number] = status  # type: ignore[assignment]  # a parameter
    side.run()
    assert side.written(None) is None
    assert side.written(side.scene.birch) is not None


def test_a_bad_staple_never_replaces_a_good_one(side: Side) -> None:
    side.run()
    good = side.written(None)
    side.responders.status[side.scene.site.certificate.serial_number] = "unknown"
    side.run(everything=True)
    assert (good is not None, side.written(None)) == (True, good)


def test_a_staple_too_large_to_be_stapled_is_taken_away(side: Side) -> None:
    side.run()
    site, largest = side.scene.site, LIMITS.ocsp_staple_size
    for size, kept in ((largest, True), (largest + 1, False)):
        written = side.scene.alder.ocsp_of_size(site, size)
        side.path(None).write_bytes(written)
        side.run()
        assert (side.written(None) == written) is kept


def test_a_staple_of_another_certificate_is_taken_away(side: Side) -> None:
    side.run()
    foreign = side.scene.alder.ocsp(side.scene.alder.server("other.example.test"))
    side.path(None).write_bytes(foreign)
    side.run()
    assert side.written(None) not in {None, foreign}


def test_what_expires_is_taken_away(side: Side) -> None:
    side.run()
    for va in (side.scene.birch, side.scene.cedar, side.scene.dogwood):
        side.answer(va, RequestRefused("down"))
    side.responders.status[side.scene.site.certificate.serial_number] = "down"
    side.now = NOW + 2 * DAY
    side.run()
    assert list(side.config.staples.iterdir()) == []


def test_nothing_for_a_certificate_without_an_entry_stays_for_good(side: Side) -> None:
    """A staple without an end in sight, and a folder that has nothing."""
    side.run()
    other = side.scene.alder.server("other.example.test")
    staple, empty = side.path(None, other), side.config.staples / ("ab" * 32)
    staple.parent.mkdir()
    staple.write_bytes(side.scene.alder.ocsp(other, this_update=NOW - 5 * DAY, next_update=NOW + 300 * DAY))
    empty.mkdir()
    for days, there in ((4, True), (5, False)):
        side.now = NOW + days * DAY
        side.run()
        assert (staple.exists(), staple.parent.exists()) == (there, there)
    assert not empty.exists()


def test_a_former_certificate_is_served_until_its_vouchers_expire(side: Side) -> None:
    side.run()
    former = side.path(None).parent
    renewed = side.scene.alder.server("www.example.test", days=100)
    side.responders.know(side.scene.alder, renewed)
    side.show(renewed)
    for va in (side.scene.birch, side.scene.cedar, side.scene.dogwood):
        side.answer(va, side.scene.voucher(va, site=renewed, addresses=(ADDRESS, SECOND)))
    side.run()
    assert len(side.asked) == 3
    assert len(list(former.iterdir())) == 4
    side.now = NOW + DAY
    side.run()
    assert [path.name for path in former.iterdir()] == ["ocsp.der"]
    side.now = NOW + 2 * DAY
    side.run()
    assert not former.exists()


def test_a_strangers_voucher_under_a_former_certificate_is_taken_away(side: Side) -> None:
    former = side.scene.alder.server("former.example.test")
    place = side.path(side.scene.birch, former)
    place.parent.mkdir(parents=True)
    place.write_bytes(side.scene.voucher(side.scene.birch))
    side.run()
    assert not place.parent.exists()


def test_what_a_crash_left_behind_is_swept(side: Side) -> None:
    side.run()
    left = side.path(None).with_name(".ocsp.der.x7h3")
    left.write_bytes(b"half")
    side.run()
    assert not left.exists()


def test_one_chain_that_cannot_be_read_fails_alone(
    side: Side, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    others = (CertificateEntry(tmp_path / "none.pem", ("198.18.0.10",)), side.config.certificates[0])
    side.config = replace(side.config, certificates=(*side.config.certificates, *others))
    side.run()
    assert len(side.asked) == 3
    assert "none.pem: cannot be read" in caplog.text
    assert "www.pem: shows the certificate of another entry" in caplog.text


@pytest.mark.parametrize("place", [0, 1])
def test_an_optional_entry_may_show_the_certificate_of_another(side: Side, tmp_path: Path, place: int) -> None:
    """As `next` of a slot does that leads to the live one; the other entry counts, wherever it stands."""
    entry = side.config.certificates[0]
    later = replace(entry, chain=tmp_path / "next.pem", port=853, optional=True)
    later.chain.write_bytes(entry.chain.read_bytes())
    entries = [entry]
    entries.insert(place, later)
    side.config = replace(side.config, certificates=tuple(entries))
    side.run()
    assert {request.port for request in side.requests.values()} == {443}
    assert {row.state for row in side.report().values()} == {State.GOOD}


def test_a_certificate_that_names_no_responder_wants_no_staple(side: Side) -> None:
    """It has a CRL, say: nothing is missing then."""
    scene = side.scene
    span = (NOW - DAY, NOW + 5 * DAY)
    bare = issue(
        "bare", key("bare"), scene.alder.issuing, leaf_extensions(SERVER_AUTH, ["www.example.test"]), span=span
    )
    side.show(bare)
    side.run()
    assert list(side.report()) == ["birch", "cedar", "dogwood"]
    assert side.responders.history == []


def test_a_certificate_that_the_library_cannot_read_to_its_end_fails_alone(side: Side, tmp_path: Path) -> None:
    """Its subjectAltName holds an x400Address, which appears only when somebody looks at the names."""
    san = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, bytes.fromhex("3004a3020400"))
    odd = issue("odd", key("odd"), side.scene.alder.issuing, [(san, False)], span=(NOW - DAY, NOW + DAY))
    path = tmp_path / "odd.pem"
    path.write_bytes(odd.chain_pem)
    entry = CertificateEntry(path, ("198.18.0.11",))
    side.config = replace(side.config, certificates=(entry, *side.config.certificates))
    side.run()
    assert side.written(side.scene.birch) is not None
    line = f"{path}: certificate 1: no sound DER certificate"
    assert next(iter(side.report().values())).detail.startswith(line)


def test_the_second_server_of_an_authority(side: Side) -> None:
    servers = (Server("https://one.test", ()), Server("https://two.test", ()))
    birch = replace(authority_entry(side.scene.birch), servers=servers)
    side.publish(directory(side.scene.alder, birch, sequence=2))
    side.answers = {
        "https://one.test": RequestRefused("down"),
        "https://two.test": side.scene.voucher(side.scene.birch),
    }
    side.run()
    assert side.written(side.scene.birch) is not None
    side.answers["https://one.test"] = RequestRefused("revoked", final=True)
    side.run(everything=True)
    assert side.asked == ["https://one.test"]


def test_an_authority_without_server_is_not_asked(side: Side) -> None:
    birch = replace(authority_entry(side.scene.birch), servers=())
    side.publish(directory(side.scene.alder, birch, side.scene.cedar, sequence=2))
    side.run()
    assert set(side.asked) == urls(side.scene.cedar)


def test_an_authority_that_left_the_directory_is_taken_away(side: Side) -> None:
    side.run()
    side.publish(directory(side.scene.alder, side.scene.cedar, sequence=2))
    side.run()
    assert side.written(side.scene.birch) is None
    assert side.written(side.scene.cedar) is not None


def test_an_older_directory_stops_the_round(side: Side) -> None:
    side.publish(directory(side.scene.alder, side.scene.birch, sequence=2))
    side.run()
    side.publish(directory(side.scene.alder, side.scene.birch, sequence=1))
    with pytest.raises(VerificationError, match="directory-rollback"):
        side.run()


def test_rounds_never_interleave(side: Side) -> None:
    locked = []

    def answer() -> bytes:
        with (side.config.private / "round.lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked.append(True)
        return side.scene.voucher(side.scene.birch)

    side.answer(side.scene.birch, answer)
    side.run()
    assert locked == [True]


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", '{"a": 1}', '{"a": {"due": "x", "failures": 0, "said": ""}}'),
        '{"a": {"due": "2026-03-02T12:00:00", "failures": 0, "said": ""}}',
        '{"a": {"due": "2026-03-02T12:00:00+00:00", "failures": NaN, "said": ""}}',
        "[" * 100_000,
    ],
    ids=["cut short", "a list", "a number", "no time", "no zone", "NaN", "deep"],
)
def test_a_schedule_that_cannot_be_read_is_a_new_beginning(
    side: Side, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    side.run()
    (side.config.private / "schedule.json").write_text(text)
    side.run()
    assert len(side.asked) == 3
    assert "schedule cannot be read" in caplog.text


def test_what_was_planned_by_a_clock_that_ran_ahead_does_not_hold(side: Side) -> None:
    side.now = NOW + 13 * HOUR
    side.run()
    side.now = NOW
    side.run()
    assert len(side.asked) == 3


def test_a_short_voucher_is_fetched_again_at_half_of_its_life(side: Side) -> None:
    short = side.scene.voucher(side.scene.birch, addresses=(ADDRESS, SECOND), next_update=NOW + HOUR)
    side.answer(side.scene.birch, short)
    due = side.run()
    assert due is not None
    assert NOW + 0.75 * HOUR / 2 <= due <= NOW + HOUR / 2
    side.now = NOW + HOUR - MINUTE
    assert side.run() == side.now + SHORTEST


def test_what_is_laid_is_logged(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    side.run()
    assert sorted(record.__dict__["from"] for record in caplog.records if record.message == "written") == [
        "OCSP staple",
        "birch",
        "cedar",
        "dogwood",
    ]


def test_a_fault_with_one_authority_is_planned_as_a_failure(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    side.answer(side.scene.birch, RuntimeError("unforeseen"))
    due = side.run()
    assert due is not None
    assert NOW < due <= NOW + timedelta(seconds=30)
    assert side.written(side.scene.cedar) is not None
    assert "RuntimeError: unforeseen" in caplog.text
    assert "internal fault (RuntimeError)" in side.report()["birch"].detail


def test_a_folder_in_the_place_of_a_voucher_harms_no_other(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    side.path(side.scene.birch).mkdir(parents=True)
    side.run()
    side.run(everything=True)
    assert side.written(side.scene.cedar) is not None
    assert caplog.text.count(f"left in the store: {side.path(side.scene.birch)}: cannot be removed") == 1
    rows = side.report()
    assert (rows["birch"].state, rows["cedar"].state) == (State.BAD, State.GOOD)
    assert "cannot be read" in rows["birch"].detail


def test_what_is_taken_away_is_named(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    side.run()
    side.path(side.scene.birch).write_bytes(b"damaged")
    side.run()
    assert f"removed from the store: {side.path(side.scene.birch).relative_to(side.config.staples)}: " in caplog.text
