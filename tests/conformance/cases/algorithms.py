# ruff: noqa: D401 - a docstring here draws a situation; it is no command
"""K3: which algorithms a verifier accepts, in vouchers, VA certificates, directories and status; all others by name."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.conformance.parts.der import octets
from tests.conformance.parts.directories import PUBLISHER, content, entry, signed
from tests.conformance.parts.names import MESSAGE_DIGEST
from tests.conformance.parts.rsa import rsa_key
from tests.conformance.parts.signed_data import AS_IT_SHOULD_BE, Changes, attribute
from tests.conformance.parts.signing import ED25519, Algorithm, PrivateKey, Signer, ecdsa, pkcs1, pss, signer
from tests.conformance.parts.status import by_ocsp, ocsp
from tests.conformance.parts.voucher import Voucher
from tests.conformance.registry import Situation, case
from tests.conformance.stage import ALDER, BIRCH, ENTRIES, SITE, accepted, directory_case, of, refused, voucher
from tests.pki import DAY, NOW, OCSP_SIGNING, Hierarchy, Issued, ca_extensions, issue, key, key_usage, leaf_extensions

Choice = tuple[PrivateKey, Algorithm]
_SPAN = (NOW - DAY, NOW + 364 * DAY)
_P256, _P384 = key("birch P-256"), key("birch P-384", ec.SECP384R1)
_RSA, _ED = rsa_key(2048), ed25519.Ed25519PrivateKey.from_private_bytes(b"birch Ed25519".ljust(32))

_ALLOWED: dict[str, Choice] = {
    **{f"P-256 with {digest}": (_P256, ecdsa(digest)) for digest in ("sha256", "sha384", "sha512")},
    **{f"P-384 with {digest}": (_P384, ecdsa(digest)) for digest in ("sha256", "sha384", "sha512")},
    **{f"RSA-2048-PKCS1 with {digest}": (_RSA, pkcs1(digest)) for digest in ("sha256", "sha384", "sha512")},
    **{f"RSA-2048-PSS with {digest}": (_RSA, pss(digest)) for digest in ("sha256", "sha384", "sha512")},
    "RSA-8192-PKCS1 with sha256": (rsa_key(8192), pkcs1("sha256")),
}
_KEYS: dict[str, Choice] = {
    "P-521": (key("birch P-521", ec.SECP521R1), ecdsa("sha512")),
    "brainpoolP256r1": (key("birch brainpool", ec.BrainpoolP256R1), ecdsa("sha256")),
    "secp256k1": (key("birch secp256k1", ec.SECP256K1), ecdsa("sha256")),
    "RSA-1024": (rsa_key(1024), pkcs1("sha256")),
    "RSA-2047": (rsa_key(2047), pkcs1("sha256")),
    "RSA-8200": (rsa_key(8200), pkcs1("sha256")),
}
_SIGNATURES: dict[str, Choice] = {
    "Ed25519": (_ED, ED25519),
    "ECDSA with sha1": (_P256, ecdsa("sha1")),
    "ECDSA with sha224": (_P256, ecdsa("sha224")),
    "ECDSA with SHA3-256": (_P256, ecdsa("sha3_256")),
    "RSA-PKCS1 with sha1": (_RSA, pkcs1("sha1")),
    "RSA-PKCS1 with sha224": (_RSA, pkcs1("sha224")),
    "RSA-PSS with sha1": (_RSA, pss("sha1")),
    "RSA-PSS with a salt of 20": (_RSA, pss("sha256", 20)),
}


def _by(choice: Choice) -> Signer:
    """Return birch's Voucher Authority with another key and algorithm."""
    private, algorithm = choice
    return Signer(issue("birch VA", private, BIRCH.root, BIRCH.voucher_extensions(), span=_SPAN), algorithm)


@case("K3", "V4", over=_ALLOWED)
def k3_voucher(choice: Choice) -> Situation:
    """Birch signs its voucher by {}."""
    return accepted(voucher(by=_by(choice)))


@case("K3", "V3", over=_KEYS)
def k3_voucher_of_key(choice: Choice) -> Situation:
    """Birch's root issued the VA certificate for a key of kind {}. The reason is `untrusted-authority`."""
    return refused("untrusted-authority", voucher(by=_by(choice)))


@case("K3", "V1", over=_SIGNATURES)
def k3_voucher_signed_by(choice: Choice) -> Situation:
    """Birch signs its voucher by {}, with a key that fits. The reason is `malformed`."""
    return refused("malformed", voucher(by=_by(choice)))


@case("K3", "V4")
def k3_key_of_another_kind() -> Situation:
    """The signature algorithm is RSA, the key of the VA certificate P-256."""
    private, algorithm = _ALLOWED["RSA-2048-PKCS1 with sha256"]
    return refused("bad-signature", voucher(by=Signer(BIRCH.voucher, algorithm, private)))


@dataclass(frozen=True)
class _Elm(Hierarchy):
    """A CA whose root has a key of any kind."""

    name: str = "elm"
    root_key: PrivateKey = _P384

    @cached_property
    def root(self) -> Issued:
        """The root of that key."""
        return issue("elm root", self.root_key, None, ca_extensions(self.root_key, None), span=_SPAN)

    def directory(self) -> bytes:
        """Return the directory with this CA in it."""
        return signed(content(*ENTRIES, entry(self)))


@case("K3", "V3", over={"P-384": _P384, "RSA-2048": _RSA})
def k3_root(private: PrivateKey) -> Situation:
    """The root that issued the VA certificate and signed its status has a key of kind {}."""
    elm = _Elm(root_key=private)
    return accepted(
        of(elm, status=ocsp(elm.voucher, by=_plain(elm.root))), candidates=(elm,), directory=elm.directory()
    )


@case("K3", "V3")
def k3_root_of_p521() -> Situation:
    """The VA certificate has a P-256 key, but its root signed it with P-521; a delegate's P-256 key signed its status.

    K3 holds for VA certificates too.
    """
    elm = _Elm(root_key=_KEYS["P-521"][0])
    made = of(elm, status=ocsp(elm.voucher, by=signer(elm.responder(elm.root))))
    return refused("untrusted-authority", made, candidates=(elm,), directory=elm.directory())


def _plain(issued: Issued) -> Signer:
    return Signer(issued, pkcs1("sha256") if isinstance(issued.key, rsa.RSAPrivateKey) else ecdsa("sha256"))


_SOME = ("P-384 with sha384", "RSA-2048-PKCS1 with sha256", "RSA-2048-PSS with sha512")
_READ = {
    name: _ALLOWED[name] for name in ("P-384 with sha384", "RSA-2048-PKCS1 with sha256", "RSA-2048-PSS with sha512")
}
_UNREAD = {"P-521": _KEYS["P-521"], **{name: _SIGNATURES[name] for name in ("Ed25519", "ECDSA with sha1")}}


def _answered(choice: Choice) -> Voucher:
    """Return birch's voucher whose response about the end entity a delegate with this key signed."""
    private, algorithm = choice
    delegate = issue("responder", private, ALDER.issuing, leaf_extensions(OCSP_SIGNING), span=(NOW - DAY, NOW + DAY))
    response = ocsp(SITE, by=Signer(delegate, algorithm))
    return voucher(evidence=[by_ocsp(SITE, response), by_ocsp(ALDER.issuing)])


@case("K3", "E3", "V11", over=_READ)
def k3_status(choice: Choice) -> Situation:
    """A delegate signed the end entity's status by {}."""
    return accepted(_answered(choice))


@case("K3", "E3", "V11", over=_UNREAD)
def k3_status_by(choice: Choice) -> Situation:
    """A delegate signed the end entity's status by {}. The reason is `status-missing`."""
    return refused("status-missing", _answered(choice))


def _published(choice: Choice, signed_differently: Changes = AS_IT_SHOULD_BE, **changes: Any) -> Situation:
    """Return the question whether a directory with this signature is taken from its pinned publisher."""
    private, algorithm = choice
    by = Signer(issue("elm publisher", private, PUBLISHER, [key_usage("digital_signature")], span=_SPAN), algorithm)
    return directory_case(signed(content(*ENTRIES), by, signed_differently), publishers=[by.issued], **changes)


@case("K3", "D1", over=_READ)
def k3_directory(choice: Choice) -> Situation:
    """The publisher signs its directory by {}."""
    return _published(choice)


@case("K3", "D1", "D2", over=_UNREAD)
def k3_directory_by(choice: Choice) -> Situation:
    """The publisher signs its directory by {}, with the key that is pinned. The reason is `malformed`."""
    return _published(choice, reason="malformed")


@case("K3", "D1", "D2")
def k3_directory_by_p_521_of_other_content() -> Situation:
    """The pinned key is of P-521, and signed a digest of other content. Section 12.4: the key goes first."""
    other = attribute(MESSAGE_DIGEST, octets(hashlib.sha512(b"other content").digest()))
    return _published(_KEYS["P-521"], Changes(attributes={"message-digest": other}), reason="malformed")
