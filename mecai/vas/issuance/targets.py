"""What may be probed on a stranger's word, and by which name (docs/spec P3, P4, R3)."""

from collections.abc import Collection
from dataclasses import dataclass

from cryptography import x509

from mecai.errors import InputError
from mecai.evidence import AddressPolicy, AddressRefused
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.names import host_name
from mecai.vas.problem import Code, Problem


@dataclass(frozen=True)
class Targets:
    """Allowed ports, and the policy for addresses that probes and fetches share."""

    ports: Collection[int]
    addresses: AddressPolicy

    def require_allowed(self, request: VoucherRequest) -> None:
        """Let a request pass whose port and addresses may all be probed; raises `Problem` (address-refused)."""
        if request.port not in self.ports:
            raise Problem(Code.ADDRESS_REFUSED, f"port: {request.port} is not probed by this VA")
        for address in request.addresses:
            try:
                self.addresses.check(address)
            except AddressRefused as error:
                raise Problem(Code.ADDRESS_REFUSED, f"addresses: {error.detail}") from error


def server_name(request: VoucherRequest, certificate: x509.Certificate) -> str | None:
    """Return the probe's SNI: the request's serverName, or else what follows from the certificate (R3).

    That is its first DNS name, a wildcard's left label replaced by `www`; None if it has no DNS name. Raises `Problem`
    (malformed) for a DNS name that is none: what a CA certified may still hold anything.
    """
    if request.server_name is not None:
        return request.server_name
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    first: str | None = next(iter(names.get_values_for_type(x509.DNSName)), None)
    if first is None:
        return None
    try:
        return host_name(f"www{first[1:]}" if first.startswith("*.") else first)
    except InputError as error:
        raise Problem(Code.MALFORMED, f"certificate: its first DNS name: {error}") from error
