"""Which certificate is a root: exactly what something can validate to, as `validate_chain` itself shows."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from mecai.errors import Malformed, VerificationError
from mecai.protocol.pki.path import validate_chain
from mecai.protocol.pki.roots import check_root
from tests.pki import DAY, NOW, SERVER_AUTH, Issued, ca_extensions, issue, key, key_usage, leaf_extensions, rsa_key

SIGNS = (x509.BasicConstraints(ca=True, path_length=None), True), key_usage("key_cert_sign", "crl_sign")
LIFE = (NOW - DAY, NOW + 3650 * DAY)
USELESS: dict[str, tuple[str, dict[str, Any]]] = {
    "no CA": ("is no CA certificate", {"extensions": leaf_extensions(SERVER_AUTH)}),
    "no basic constraints": ("is no CA certificate", {"extensions": SIGNS[1:]}),
    "basic constraints not critical": ("not critical", {"extensions": [(SIGNS[0][0], False), SIGNS[1]]}),
    "no key usage": ("lacks keyCertSign", {"extensions": SIGNS[:1]}),
    "no keyCertSign": ("lacks keyCertSign", {"extensions": [SIGNS[0], key_usage("digital_signature")]}),
    "ended": ("is valid from .*, not at 2026", {"span": (NOW - 9 * DAY, NOW - timedelta(seconds=1))}),
    "not begun": ("is valid from .*, not at 2026", {"span": (NOW + timedelta(seconds=1), NOW + 9 * DAY)}),
    "weak": ("RSA of 1024 bits", {"own": rsa_key("weak root", 1024)}),
}
USEFUL: dict[str, dict[str, Any]] = {
    "usual": {"extensions": ca_extensions(key("root"), None)},
    "least": {"extensions": SIGNS},
    "in its last second": {"span": (NOW - DAY, NOW)},
    "in its first second": {"span": (NOW, NOW + DAY)},
    "P-521": {"own": key("large root", ec.SECP521R1)},
}


def root(**parts: Any) -> Issued:
    own, extensions = parts.get("own", key("root")), parts.get("extensions", SIGNS)
    return issue("root", own, None, extensions, span=parts.get("span", LIFE))


def reach(anchor: Issued) -> None:
    """Validate a server's chain to the root."""
    leaf = issue(
        "www", key("www"), anchor, leaf_extensions(SERVER_AUTH, ["www.example.test"]), span=(NOW - DAY, NOW + 90 * DAY)
    )
    validate_chain(leaf.certificate, [], [anchor.certificate], "www.example.test", NOW)


@pytest.mark.parametrize("kind", USELESS)
def test_what_nothing_validates_to_is_no_root(kind: str) -> None:
    complaint, parts = USELESS[kind]
    with pytest.raises(VerificationError, match="untrusted"):
        reach(root(**parts))
    with pytest.raises(Malformed, match=complaint):
        check_root(root(**parts).certificate, NOW)


@pytest.mark.parametrize("kind", USEFUL)
def test_what_something_validates_to_is_a_root(kind: str) -> None:
    reach(root(**USEFUL[kind]))
    check_root(root(**USEFUL[kind]).certificate, NOW)
