"""The signer: which files make one, and when its certificate is of use."""

from pathlib import Path

import pytest

from mecai.errors import HostError
from mecai.protocol.pki.identity import authority_id, spki_der
from mecai.vas.issuance.signer import VoucherSigner, load_signer
from mecai.vas.signing.credential import Credential
from tests.pki import DAY, NOW, Hierarchy, Issued

ALDER, BIRCH = Hierarchy("alder"), Hierarchy("birch")


def signer(certificate: Issued = ALDER.voucher, root: Issued = ALDER.root) -> VoucherSigner:
    return VoucherSigner(
        Credential(certificate.key, certificate.certificate), certificate.certificate, root.certificate
    )


def test_files_make_a_signer(tmp_path: Path) -> None:
    key, certificate, root = (tmp_path / name for name in ("key.pem", "certificate.pem", "root.pem"))
    key.touch(0o600)
    key.write_bytes(ALDER.voucher.key_pem)
    certificate.write_bytes(ALDER.voucher.pem)
    root.write_bytes(ALDER.root.pem)
    loaded = load_signer(key, certificate, root)
    assert loaded.authority == authority_id(spki_der(ALDER.root.certificate))
    loaded.require_valid(NOW)
    certificate.write_bytes(BIRCH.voucher.pem)
    with pytest.raises(HostError, match=r"certificate\.pem: is not of the key in .*key\.pem"):
        load_signer(key, certificate, root)


@pytest.mark.parametrize(
    "wrong",
    [signer(root=BIRCH.root), signer(ALDER.server("www.example.test", parent=ALDER.root)), signer(ALDER.issuing)],
    ids=["another root", "no voucher signing", "a CA"],
)
def test_a_certificate_that_clients_would_refuse(wrong: VoucherSigner) -> None:
    with pytest.raises(HostError, match="the VA's certificate is of no use"):
        wrong.require_valid(NOW)


def test_an_expired_certificate() -> None:
    with pytest.raises(HostError, match="the VA's certificate is of no use"):
        signer().require_valid(NOW + 400 * DAY)
