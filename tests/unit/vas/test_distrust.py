"""What the operator refuses (docs/spec X4): in the database, from the next voucher on."""

import pytest
from sqlalchemy import Engine

from mecai.errors import InputError
from mecai.protocol.pki.identity import spki_hash
from mecai.vas.storage.distrust import DistrustLog, RefusedKey
from tests.pki import HOUR, NOW, Issued
from tests.statements import asked
from tests.unit.vas.outside import ALDER, BIRCH, CEDAR, REQUEST, SITE, Vas


def of(ca: Issued) -> RefusedKey:
    return RefusedKey(spki_hash(ca.certificate), "CN=some CA", NOW, "operator", "its key was stolen")


@pytest.mark.parametrize("ca", [ALDER.root, ALDER.issuing], ids=["root", "issuing CA"])
def test_a_refusal_holds_for_the_next_voucher_and_ends_as_soon(vas: Vas, ca: Issued) -> None:
    vas.outside.shown = dict.fromkeys(REQUEST.addresses, SITE.chain_der)
    log = DistrustLog(vas.server.engine)
    assert vas.ask(REQUEST).status_code == 200
    log.add(of(ca))
    assert vas.refused(REQUEST)[:2] == (403, "distrusted")
    log.remove(spki_hash(ca.certificate))
    assert vas.ask(REQUEST).status_code == 200


def test_a_refusal_is_of_one_ca(vas: Vas) -> None:
    vas.outside.shown = dict.fromkeys(REQUEST.addresses, SITE.chain_der)
    DistrustLog(vas.server.engine).add(of(CEDAR.root))
    assert vas.ask(REQUEST).status_code == 200


def test_who_says_why_stays_as_it_was_said(engine: Engine) -> None:
    log, later = DistrustLog(engine), RefusedKey(of(CEDAR.root).spki, None, NOW + HOUR, "another", "another reason")
    log.add(of(CEDAR.root))
    with pytest.raises(InputError, match="is distrusted already"):
        log.add(later)
    log.add(RefusedKey(of(BIRCH.root).spki, None, NOW + HOUR, "another", "another reason"))
    assert [key.added_by for key in log.listed()] == ["another", "operator"]
    log.remove(of(BIRCH.root).spki)
    assert log.listed() == (of(CEDAR.root),)
    with pytest.raises(InputError, match="is not distrusted here"):
        log.remove(of(BIRCH.root).spki)


def test_a_question_is_one_statement_that_waits_for_nobody(engine: Engine) -> None:
    log = DistrustLog(engine)
    with asked(engine) as statements, engine.begin():  # another writes
        assert not log.refuses({bytes(32), bytes([1]) * 32})
    assert [statement.split()[0] for statement, _ in statements] == ["SELECT"]
