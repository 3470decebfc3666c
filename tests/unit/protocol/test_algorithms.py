"""Algorithms: rule K3 from both sides."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mecai.errors import InputError, Malformed
from mecai.protocol.pki import algorithms
from mecai.protocol.pki.algorithms import SIGNATURES, Scheme, SignatureAlgorithm, for_key
from mecai.protocol.pki.keys import check_public_key
from tests.pki import Key, key, rsa_key

RSA_1024 = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 is here to be refused


def some_key(algorithm: SignatureAlgorithm) -> Key:
    return key("a") if algorithm.scheme is Scheme.ECDSA else rsa_key("a")


@pytest.mark.parametrize("algorithm", SIGNATURES.values(), ids=lambda algorithm: algorithm.name)
def test_every_algorithm_verifies_what_it_signed(algorithm: SignatureAlgorithm) -> None:
    private = some_key(algorithm)
    signature = algorithm.sign(private, b"data")
    algorithm.verify(private.public_key(), signature, b"data")
    with pytest.raises(InvalidSignature):
        algorithm.verify(private.public_key(), signature, b"other data")
    with pytest.raises(InvalidSignature):
        algorithm.verify(private.public_key(), signature[:-1] + bytes([signature[-1] ^ 1]), b"data")


@pytest.mark.parametrize("algorithm", SIGNATURES.values(), ids=lambda algorithm: algorithm.name)
def test_a_key_of_the_other_kind_is_refused(algorithm: SignatureAlgorithm) -> None:
    other: Key = rsa_key("a") if algorithm.scheme is Scheme.ECDSA else key("a")
    with pytest.raises(InputError):
        algorithm.sign(other, b"data")
    with pytest.raises(InvalidSignature):
        algorithm.verify(other.public_key(), b"signature", b"data")


@pytest.mark.parametrize("algorithm", SIGNATURES.values(), ids=lambda algorithm: algorithm.name)
def test_identifiers_lead_back_to_their_algorithm(algorithm: SignatureAlgorithm) -> None:
    assert algorithms.signature_named(algorithm.identifier) is algorithm
    assert algorithms.digest_named(algorithm.digest.identifier) is algorithm.digest


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("300906072a8648ce3d0401", "1.2.840.10045.4.1"),  # ECDSA with SHA-1
        ("300d06092a864886f70d0101050500", "1.2.840.113549.1.1.5"),  # RSA with SHA-1
        ("300c06082a8648ce3d0403020500", "1.2.840.10045.4.3.2"),  # ECDSA with SHA-256 and NULL parameters
        ("300506032b6570", "1.3.101.112"),  # Ed25519
        ("300d06092a864886f70d01010a3000", "1.2.840.113549.1.1.10"),  # PSS with its SHA-1 defaults
        ("3000", "unreadable"),
    ],
)
def test_other_algorithms_are_refused_by_name(identifier: str, name: str) -> None:
    with pytest.raises(Malformed, match=name):
        algorithms.signature_named(bytes.fromhex(identifier))


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("300706052b0e03021a", "1.3.14.3.2.26"),  # SHA-1
        ("300d06096086480165030402010500", "2.16.840.1.101.3.4.2.1"),  # SHA-256 with NULL parameters
    ],
)
def test_other_digests_are_refused_by_name(identifier: str, name: str) -> None:
    with pytest.raises(Malformed, match=name):
        algorithms.digest_named(bytes.fromhex(identifier))


def test_the_algorithm_follows_the_key() -> None:
    assert for_key(key("a")) is algorithms.ECDSA_SHA256
    assert for_key(key("a", ec.SECP384R1)) is algorithms.ECDSA_SHA384
    assert for_key(rsa_key("a")) is algorithms.PSS_SHA256


@pytest.mark.parametrize("allowed", [key("a"), key("a", ec.SECP384R1), rsa_key("a")])
def test_allowed_keys_pass(allowed: Key) -> None:
    assert check_public_key(allowed.public_key()) == allowed.public_key()


@pytest.mark.parametrize(
    ("refused", "name"),
    [
        (key("a", ec.SECP521R1), "secp521r1"),
        (key("a", ec.SECP256K1), "secp256k1"),
        (RSA_1024, "RSA of 1024 bits"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
    ],
)
def test_other_keys_are_refused_by_name(refused: Key, name: str) -> None:
    with pytest.raises(Malformed, match=name):
        check_public_key(refused.public_key())
    with pytest.raises(Malformed, match=name):
        for_key(refused)


def test_ecdsa_is_deterministic() -> None:
    assert algorithms.ECDSA_SHA256.sign(key("a"), b"data") == algorithms.ECDSA_SHA256.sign(key("a"), b"data")
