"""What goes into a stock server's file: the good vouchers of one certificate, as many as fit, and why others do not."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mecai.errors import InputError, VerificationError
from mecai.protocol.codec.tls_answer import encode_vouchers
from mecai.protocol.limits import LIMITS
from mecai.sidecar.export import Export, make_export, make_staple
from tests.integration.client_servers import write_server_info
from tests.scene import ADDRESS
from tests.unit.sidecar.conftest import SECOND, Side

ROOM = LIMITS.staple_size


def exported(side: Side, chain: Path | None = None, room: int = ROOM) -> Export:
    return make_export(side.config, side.kinds(side.config), chain, side.now, room)


def stapled(side: Side) -> tuple[str, bytes, datetime]:
    return make_staple(side.config, side.kinds(side.config), None, side.now)


def test_the_good_vouchers_in_the_form_that_openssl_reads(side: Side, tmp_path: Path) -> None:
    side.run()
    made = exported(side)
    assert set(made.vouchers) == {side.written(va) for va in (side.scene.birch, side.scene.cedar, side.scene.dogwood)}
    witness = write_server_info(tmp_path / "info", encode_vouchers(made.vouchers)).read_text()
    assert made.server_info().decode().replace("\n", "") == witness.replace("\n", "")
    assert max(map(len, made.server_info().splitlines())) == 64
    assert (made.left_out, made.size) == ((), len(encode_vouchers(made.vouchers)))


def test_what_is_missing_bad_or_soon_over_is_left_out_with_the_reason(side: Side) -> None:
    soon = side.now + timedelta(minutes=59)
    side.answer(side.scene.cedar, side.scene.voucher(side.scene.cedar, addresses=(ADDRESS, SECOND), next_update=soon))
    side.run()
    side.path(side.scene.birch).write_bytes(b"damaged")
    made = exported(side)
    assert made.vouchers == (side.written(side.scene.dogwood),)
    birch, cedar = sorted(made.left_out)
    assert birch.startswith("birch: malformed")
    assert cedar.startswith("cedar: expired (V7): ends at")
    side.path(side.scene.dogwood).unlink()
    with pytest.raises(VerificationError, match=r"nothing to export: .*dogwood: .*there is none yet"):
        exported(side)


def test_an_ocsp_response_is_the_one_that_was_judged_and_none_that_is_bad(side: Side) -> None:
    with pytest.raises(VerificationError, match="there is none yet"):
        stapled(side)
    side.run()
    [path] = side.config.staples.rglob("ocsp.der")
    site, data, until = stapled(side)
    assert (site, data) == ("www.example.test", path.read_bytes())
    assert until > side.now
    path.write_bytes(side.scene.alder.ocsp(side.scene.alder.server("other.example.test")))
    with pytest.raises(VerificationError):
        stapled(side)


def test_until_is_when_the_first_of_them_ends(side: Side) -> None:
    first = side.now + timedelta(hours=2)
    side.answer(side.scene.cedar, side.scene.voucher(side.scene.cedar, addresses=(ADDRESS, SECOND), next_update=first))
    side.run()
    assert exported(side).until == first


def test_no_more_than_fits(side: Side) -> None:
    side.run()
    two = len(encode_vouchers(exported(side).vouchers[:2]))
    made = exported(side, room=two)
    assert (len(made.vouchers), made.size) == (2, two)
    assert len(exported(side, room=two - 1).vouchers) == 1
    assert "no room for" in made.left_out[0]


def test_of_several_certificates_one_is_named(side: Side, tmp_path: Path) -> None:
    other = side.scene.alder.server("other.example.test")
    chain = tmp_path / "other.pem"
    chain.write_bytes(other.chain_pem)
    entry = side.config.certificates[0]
    side.config = replace(side.config, certificates=(entry, replace(entry, chain=chain)))
    side.run()
    with pytest.raises(InputError, match="--certificate: name one of"):
        exported(side)
    with pytest.raises(InputError, match=r"nowhere\.pem is not configured"):
        exported(side, tmp_path / "nowhere.pem")
    made = exported(side, entry.chain)
    assert (made.site, len(made.vouchers)) == ("www.example.test", 3)


def test_a_chain_that_cannot_be_read_says_so(side: Side) -> None:
    side.run()
    side.config.certificates[0].chain.write_bytes(b"?")
    with pytest.raises(InputError, match="holds no PEM certificate"):
        exported(side)
