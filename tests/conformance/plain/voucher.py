"""A voucher as it is read: O4 to O14, E1, E2, E5 (rule V1)."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from tests.conformance.plain import cms, der, names
from tests.conformance.plain.der import Fields, Value
from tests.conformance.plain.refusal import expect

_VOUCHER_INFO = "1.3.6.1.4.1.32473.4.1.1"
_LARGEST = 16 * 1024
OCSP, CRL, SHORT_LIVED = 0, 1, 2
_CONTEXT = re.compile(rb"[A-Z0-9-]{1,32}")


@dataclass(frozen=True)
class Evidence:
    """A StatusEvidence."""

    certificate: bytes
    method: int
    begin: datetime
    end: datetime
    named: bytes | None


@dataclass(frozen=True)
class Voucher:
    """A voucher whose form is good."""

    signed: cms.Signed
    authority: bytes
    certificate: bytes
    intermediates: list[bytes]
    addresses: list[bytes]
    begin: datetime
    end: datetime
    contexts: list[bytes]
    evidence: list[Evidence]

    @property
    def hash(self) -> str:
        """The voucher hash (O6)."""
        return hashlib.sha256(self.signed.content).hexdigest()

    @property
    def responses(self) -> dict[bytes, bytes]:
        """The OCSP responses by their SHA-256."""
        return {hashlib.sha256(each).digest(): each for each in self.signed.responses}

    @property
    def own(self) -> list[bytes]:
        """The responses that no evidence names: the authority's own."""
        named = {each.named for each in self.evidence}
        return [response for name, response in self.responses.items() if name not in named]


def read(octets: bytes) -> Voucher:
    """Return the voucher; refuses by V1."""
    expect(len(octets) <= _LARGEST, "a voucher of more than 16 KiB")
    signed = cms.parse(octets, _VOUCHER_INFO)
    expect(signed.responses, "no crls")
    fields = Fields(der.read(signed.content))
    expect(der.integer(fields.take()) == 1, "version")
    authority = _hash(fields.take(), 8)
    expect(1 <= der.integer(fields.take(der.INTEGER)) < 1 << 128, "serialNumber")
    certificate = _hash(fields.take())
    intermediates = der.list_of(fields.take(), _hash, 0, 8)
    expect(len(set(intermediates)) == len(intermediates), "an intermediate twice")
    addresses = read_addresses(fields.take())
    expect(1 <= der.integer(fields.take(der.INTEGER)) <= 1023, "probedPort")
    begin, end = der.time(fields.take()), der.time(fields.take())
    expect(begin < end, "nextUpdate is not after thisUpdate")
    contexts = der.list_of(fields.take(), _context, 0, 32)
    expect(len(set(contexts)) == len(contexts), "a context twice")
    der.boolean(fields.take())
    expect(1 <= der.integer(fields.take(der.INTEGER)) <= 255, "perspectives")
    evidence = der.list_of(fields.take(), _evidence, 1, 9)
    _check_extensions(fields.maybe(0xA0))
    fields.end()
    expect([each.certificate for each in evidence] == [certificate, *intermediates], "evidence for other certificates")
    expect(all(each.method != SHORT_LIVED for each in evidence[1:]), "a short-lived intermediate")
    found = Voucher(signed, authority, certificate, intermediates, addresses, begin, end, contexts, evidence)
    expect(len(found.own) <= 1, "a response that nobody names")
    return found


def read_addresses(value: Value) -> list[bytes]:
    """Return addresses in the form of I5, as many as O10 allows."""
    found = der.list_of(value, der.octets, 1, 16)
    expect(all(len(each) in {4, 16} for each in found), "an address of another length")
    expect(not any(names.is_mapped(each) for each in found), "an IPv4-mapped address")
    expect(len(set(found)) == len(found), "an address twice")
    return found


def _hash(value: Value, size: int = 32) -> bytes:
    found = der.octets(value)
    expect(len(found) == size, f"a hash of {len(found)} octets")
    return found


def _context(value: Value) -> bytes:
    expect(value.tag == der.PRINTABLE, "a context that is no PrintableString")
    expect(_CONTEXT.fullmatch(value.content), "a context of other characters")
    return value.content


def _evidence(value: Value) -> Evidence:
    fields = Fields(value)
    certificate, method = _hash(fields.take()), der.enumerated(fields.take())
    begin, end = der.time(fields.take()), der.time(fields.take())
    named = fields.maybe(der.OCTETS)
    fields.end()
    expect(method in {OCSP, CRL, SHORT_LIVED}, "an unknown method")
    expect((named is None) == (method == SHORT_LIVED), "evidenceHash, and for shortLived none")
    expect(begin < end, "evidence that ends before it begins")
    return Evidence(certificate, method, begin, end, None if named is None else _hash(named))


def _check_extensions(value: Value | None) -> None:
    if value is None:
        return
    seen = []
    for item in der.list_of(der.inside(value), Fields, 1, 16):
        seen.append(der.oid(item.take()))
        expect(not der.boolean(item.take()), "an unknown critical extension")
        der.octets(item.take())
        item.end()
    expect(len(set(seen)) == len(seen), "an extension twice")
