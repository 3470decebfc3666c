"""Directories in force, and what a VA makes of a chain by them."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import Engine, event, update
from sqlalchemy.exc import OperationalError

from mecai.protocol.acceptance import Record, accept
from mecai.protocol.objects.authorities import Authority, Directory
from mecai.protocol.pki.identity import authority_id, spki_der, spki_hash
from mecai.protocol.pki.path import validate_chain
from mecai.vas.refusal import Code, Refusal
from mecai.vas.storage.database import open_database
from mecai.vas.storage.tables import DIRECTORIES
from mecai.vas.trust.contexts import Trust
from mecai.vas.trust.directories import RETRY, Directories
from tests.directories import PUBLISHER, directory, publisher
from tests.pki import DAY, HOUR, NOW, Hierarchy, Issued, ca_extensions, issue
from tests.scene import authority_entry
from tests.unit.vas.conftest import Publish, only_sqlite

ALDER, BIRCH, CEDAR = Hierarchy("alder"), Hierarchy("birch"), Hierarchy("cedar")
SITE = ALDER.server("www.example.test")
OWN = authority_id(spki_der(BIRCH.root.certificate))
PATH = (*SITE.chain, ALDER.root.certificate)


def refusal(trust: Trust, chain: Sequence[x509.Certificate] = SITE.chain) -> Refusal:
    with pytest.raises(Refusal) as caught:
        trust.judge(chain, NOW)
    return caught.value


def _listing(*cas: x509.Certificate, owner: Hierarchy = ALDER) -> Authority:
    """Return an owner's entry that lists the keys of these CAs too."""
    entry = authority_entry(owner)
    return replace(entry, subordinates=entry.subordinates.union(map(spki_hash, cas)))


def test_a_chain_is_trusted_by_each_context_that_has_its_root(engine: Engine, publish: Publish) -> None:
    files = (
        publish(directory(BIRCH, context="NONE")),
        publish(directory(ALDER, BIRCH, context="MOZ")),
        publish(directory(ALDER, context="OTHER")),
    )
    trust = Trust(Directories(files, engine), OWN, frozenset())
    trusted = trust.judge(SITE.chain, NOW)
    assert (trusted.path, trusted.contexts) == (PATH, ("MOZ", "OTHER"))
    assert (trusted.directory.context, trusted.owners, trusted.issuer_owners) == ("MOZ", {"alder"}, {"alder"})


def test_a_chain_is_trusted_in_whatever_order_its_cas_are_shown(engine: Engine, publish: Publish) -> None:
    upper = ALDER.subordinate("upper CA", ALDER.root, path_length=None)
    site = ALDER.server("www.example.test", parent=ALDER.subordinate("lower CA", upper))
    stranger = Hierarchy("stranger").issuing.certificate
    listed = _listing(*site.chain[1:])
    trust = Trust(Directories((publish(directory(listed, BIRCH)),), engine), OWN, frozenset())
    end_entity, lower, _ = site.chain
    for shown in ([lower, upper.certificate], [upper.certificate, stranger, lower, lower]):
        assert trust.judge([end_entity, *shown], NOW).path == (*site.chain, ALDER.root.certificate)


def test_of_two_paths_it_takes_the_one_that_clients_take(engine: Engine, publish: Publish) -> None:
    """The issuing CA is certified by its own root, and in what is shown before it by one of cedar's (12.2)."""
    upper = CEDAR.subordinate("upper CA", CEDAR.root, path_length=None)
    extensions = ca_extensions(ALDER.issuing.key, 0)
    crossed = issue("alder issuing CA", ALDER.issuing.key, upper, extensions, span=(NOW - DAY, NOW + DAY))
    shown = [crossed.certificate, upper.certificate, ALDER.issuing.certificate]
    listed = directory(ALDER, _listing(upper.certificate, owner=CEDAR), BIRCH)
    trust = Trust(Directories((publish(listed),), engine), OWN, frozenset())
    of_clients = validate_chain(SITE.certificate, shown, (ALDER.root.certificate, CEDAR.root.certificate), None, NOW)
    assert trust.judge([SITE.certificate, *shown], NOW).path == tuple(of_clients)
    assert of_clients[1:3] == shown[:2]


@pytest.mark.parametrize("ca", [ALDER.root, ALDER.issuing], ids=["root", "issuing CA"])
def test_a_context_that_distrusts_a_ca_of_the_chain_is_left_out(engine: Engine, publish: Publish, ca: Issued) -> None:
    files = (
        publish(directory(ALDER, BIRCH, context="MOZ", distrust=[ca.certificate])),
        publish(directory(ALDER, BIRCH, context="OTHER")),
    )
    assert Trust(Directories(files, engine), OWN, frozenset()).judge(SITE.chain, NOW).contexts == ("OTHER",)
    trust = Trust(Directories(files, engine), OWN, frozenset({spki_hash(ca.certificate)}))
    assert refusal(trust).code is Code.DISTRUSTED


def test_a_root_that_is_shown_though_not_needed_makes_its_owner_an_issuer(engine: Engine, publish: Publish) -> None:
    """The server also shows alder's root as this very VA's CA certified it: every client would refuse (V6, R10)."""
    trust = Trust(Directories((publish(directory(ALDER, BIRCH)),), engine), OWN, frozenset())
    assert trust.judge(SITE.chain, NOW).path == PATH
    refused = refusal(trust, (*SITE.chain, BIRCH.cross_sign(ALDER).certificate))
    assert refused.code is Code.UNTRUSTED
    assert "own owner group, birch" in refused.detail


def test_a_context_that_needs_another_path_is_left_out(engine: Engine, publish: Publish) -> None:
    """The server also shows alder's root as cedar certified it, and one context has no root but cedar's."""
    crossed = _listing(ALDER.root.certificate, ALDER.issuing.certificate, owner=CEDAR)
    files = (
        publish(directory(ALDER, context="MOZ")),
        publish(directory(crossed, context="BY-CEDAR")),
        publish(directory(ALDER, context="OTHER")),
    )
    chain = (*SITE.chain, CEDAR.cross_sign(ALDER).certificate)
    trust = Trust(Directories(files, engine), OWN, frozenset())
    trusted = trust.judge(chain, NOW)
    assert (trusted.path, trusted.contexts) == (PATH, ("MOZ", "OTHER"))
    of_cedar = Trust(Directories(files[1:2], engine), OWN, frozenset())
    crossing = of_cedar.judge(chain, NOW)
    assert (crossing.path, crossing.contexts) == ((*chain, CEDAR.root.certificate), ("BY-CEDAR",))


def test_a_context_that_does_not_list_a_ca_is_left_out(engine: Engine, publish: Publish) -> None:
    """Nobody knows whose that CA is; a client of that context would refuse (V6, D5)."""
    unlisted = ALDER.subordinate("further CA", ALDER.root).certificate
    site = ALDER.server("www.example.test", parent=ALDER.subordinate("further CA", ALDER.root))
    files = (
        publish(directory(ALDER, BIRCH, context="MOZ")),
        publish(directory(_listing(unlisted), BIRCH, context="OTHER")),
    )
    assert Trust(Directories(files, engine), OWN, frozenset()).judge(site.chain, NOW).contexts == ("OTHER",)
    refused = refusal(Trust(Directories(files[:1], engine), OWN, frozenset()), site.chain)
    assert refused.code is Code.UNTRUSTED
    assert "no entry of the directory lists the key of CN=alder further CA" in refused.detail


def test_an_owner_does_not_vouch_below_his_ca_under_anothers_root(engine: Engine, publish: Publish) -> None:
    """Birch, whose VA this is, has a CA under alder's root, and the directory says so."""
    site = ALDER.server("www.example.test", parent=ALDER.subordinate("birch CA", ALDER.root))
    content = directory(ALDER, _listing(site.chain[1], owner=BIRCH))
    refused = refusal(Trust(Directories((publish(content),), engine), OWN, frozenset()), site.chain)
    assert "own owner group, birch" in refused.detail


def test_no_root_no_trust(engine: Engine, publish: Publish) -> None:
    trust = Trust(Directories((publish(directory(BIRCH, CEDAR)),), engine), OWN, frozenset())
    assert refusal(trust).code is Code.UNTRUSTED


def test_a_certificate_of_the_own_owner_group_is_refused(engine: Engine, publish: Publish) -> None:
    content = directory(authority_entry(ALDER, "forest"), authority_entry(BIRCH, "forest"))
    refused = refusal(Trust(Directories((publish(content),), engine), OWN, frozenset()))
    assert refused.code is Code.UNTRUSTED
    assert "own owner group, forest" in refused.detail


def test_a_new_directory_is_in_force_at_once(engine: Engine, publish: Publish) -> None:
    directories = Directories((publish(directory(ALDER)),), engine)
    assert directories.in_force(NOW)[0].sequence == 1
    publish(directory(ALDER, sequence=2))
    assert directories.in_force(NOW)[0].sequence == 2


@pytest.mark.parametrize(
    ("content", "by", "reason"),
    [
        (directory(ALDER, sequence=1), PUBLISHER, "directory-rollback"),
        (directory(BIRCH, sequence=2), PUBLISHER, "directory-equivocation"),
        (directory(ALDER, sequence=3), publisher("stranger"), "directory-untrusted"),
    ],
)
def test_a_directory_that_cannot_be_accepted_changes_nothing(
    engine: Engine, publish: Publish, caplog: pytest.LogCaptureFixture, *, content: Directory, by: Issued, reason: str
) -> None:
    directories = Directories((publish(directory(ALDER, sequence=2)),), engine)
    before = directories.in_force(NOW)
    publish(content, by)
    assert directories.in_force(NOW) == before
    assert f"directory refused: {reason}" in caplog.text


def test_the_highest_sequence_outlives_the_process(engine: Engine, publish: Publish) -> None:
    Directories((publish(directory(ALDER, sequence=2)),), engine).in_force(NOW)
    with pytest.raises(Refusal, match="no trust context has a valid directory") as caught:
        Directories((publish(directory(ALDER, sequence=1)),), engine).in_force(NOW)
    assert caught.value.code is Code.OVERLOADED


NEXT = publisher("next")


def test_what_one_context_remembers_outlives_what_another_accepts(engine: Engine, publish: Publish) -> None:
    """MOZ 2, then OTHER 1, then a new process is given MOZ 1: it still knows the 2."""
    Directories((publish(directory(ALDER, sequence=2)),), engine).in_force(NOW)
    other = publish(directory(ALDER, context="OTHER"))
    assert Directories((other,), engine).in_force(NOW)[0].sequence == 1
    with pytest.raises(Refusal, match="no trust context has a valid directory"):
        Directories((publish(directory(ALDER, sequence=1)),), engine).in_force(NOW)
    again = Directories((publish(directory(ALDER, sequence=2)), other), engine).in_force(NOW)
    assert [(each.context, each.sequence) for each in again] == [("MOZ", 2), ("OTHER", 1)]


def test_a_rotation_of_publisher_keys_is_followed_also_by_the_next_process(engine: Engine, publish: Publish) -> None:
    """The file of pins still names the old key; what it signed has named another, and only that one counts (D2)."""
    rotation = directory(ALDER, sequence=2, publishers=(NEXT.certificate,))
    for _ in range(2):
        assert Directories((publish(rotation),), engine).in_force(NOW) == (rotation,)
    with pytest.raises(Refusal, match="no trust context has a valid directory"):
        Directories((publish(directory(ALDER, sequence=9)),), engine).in_force(NOW)
    third = directory(ALDER, sequence=3)
    assert Directories((publish(third, NEXT),), engine).in_force(NOW) == (third,)


def test_other_first_pins_put_out_of_force_what_the_former_let_in(engine: Engine, publish: Publish) -> None:
    """A thief of the publisher's key signed; the operator pins a new key, and then has a directory by it (D2)."""
    file = publish(directory(ALDER, sequence=2, publishers=(publisher("thief").certificate,)))
    directories = Directories((file,), engine)
    assert directories.in_force(NOW)[0].sequence == 2
    file.publishers.write_bytes(PUBLISHER.pem + b"\n")  # the same pins, in another file
    assert directories.in_force(NOW)[0].sequence == 2
    file.publishers.write_bytes(NEXT.pem)
    with pytest.raises(Refusal, match="no trust context has a valid directory"):
        directories.in_force(NOW)
    publish(directory(ALDER, sequence=3), NEXT)
    file.publishers.write_bytes(NEXT.pem)
    assert directories.in_force(NOW)[0].sequence == 3


def test_a_node_judges_by_what_another_node_has_accepted(engine: Engine, publish: Publish) -> None:
    """Both read sequence 1; one is given 3, then the other 2: in the database they share there is a 3 already."""
    nodes = [Directories((publish(directory(ALDER)),), engine) for _ in range(2)]
    assert [node.in_force(NOW)[0].sequence for node in nodes] == [1, 1]
    publish(directory(ALDER, sequence=3))
    assert nodes[0].in_force(NOW)[0].sequence == 3
    publish(directory(ALDER, sequence=2))
    assert nodes[1].in_force(NOW)[0].sequence == 1


@only_sqlite  # the other database would let it wait for the row alone
def test_no_node_accepts_what_another_is_just_judging(
    engine: Engine, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One node has read the record and judges sequence 2; a second one, which waits for nobody, comes with 3."""
    second = open_database(engine.url.render_as_string())
    event.listen(second, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 0"))

    def judge(*arguments: Any) -> tuple[Directory, Record]:
        monkeypatch.setattr("mecai.vas.storage.directories.accept", accept)
        newer = publish(directory(ALDER, sequence=3))
        with pytest.raises(OperationalError, match="database is locked"):
            Directories((newer,), second).in_force(NOW)
        return accept(*arguments)

    monkeypatch.setattr("mecai.vas.storage.directories.accept", judge)
    first = Directories((publish(directory(ALDER, sequence=2)),), engine)
    assert [each.sequence for each in first.in_force(NOW)] == [2]
    assert [each.sequence for each in first.in_force(NOW)] == [3]
    second.dispose()


def test_a_damaged_record_is_no_new_beginning(
    engine: Engine, publish: Publish, caplog: pytest.LogCaptureFixture
) -> None:
    Directories((publish(directory(ALDER, sequence=2)),), engine).in_force(NOW)
    with engine.begin() as connection:
        connection.execute(update(DIRECTORIES).values(record=b"{}"))
    with pytest.raises(Refusal):
        Directories((publish(directory(ALDER, sequence=1)),), engine).in_force(NOW)
    assert "table directories, context MOZ" in caplog.text


def test_a_directory_expires(engine: Engine, publish: Publish) -> None:
    directories = Directories((publish(directory(ALDER)),), engine)
    assert directories.in_force(NOW)
    with pytest.raises(Refusal, match="no trust context has a valid directory"):
        directories.in_force(NOW + 30 * DAY)


def test_a_directory_that_came_too_early_is_judged_again(
    engine: Engine, publish: Publish, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    directories = Directories((publish(directory(ALDER, issued=NOW + HOUR)),), engine)
    for moment in (NOW, NOW + RETRY - timedelta(seconds=1), NOW + RETRY):
        with pytest.raises(Refusal):
            directories.in_force(moment)
    assert caplog.text.count("directory-not-yet-valid") == 2
    assert directories.in_force(NOW + HOUR)


def test_a_directory_of_another_context_is_refused(
    engine: Engine, publish: Publish, caplog: pytest.LogCaptureFixture
) -> None:
    file = publish(directory(ALDER, context="MOZ"))
    publish(directory(ALDER, context="OTHER")).path.replace(file.path)
    with pytest.raises(Refusal):
        Directories((file,), engine).in_force(NOW)
    assert "is for context OTHER, expected MOZ" in caplog.text
