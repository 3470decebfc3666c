"""What may be probed on a stranger's word, and by which name (docs/spec P3, P4, R3).

Everything here follows from the request alone: what is refused here has cost nobody a connection.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cryptography import x509

from mecai.errors import InputError
from mecai.evidence import AddressPolicy, AddressRefused
from mecai.probing.corroborate import ProbeTarget
from mecai.probing.offer import NoServerKey, offers_for
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.names import dns_names, host_name, stands_for
from mecai.vas.refusal import Code, Refusal


@dataclass(frozen=True)
class Targets:
    """Allowed ports, and the policy for addresses that probes and fetches share."""

    ports: Collection[int]
    addresses: AddressPolicy

    def target(self, request: VoucherRequest) -> ProbeTarget:
        """Return what the probe is to find where.

        Raises `Refusal`: address-refused, malformed for a name that is not the certificate's or none at all,
        handshake-failed for a key that no TLS server can use.
        """
        self._require_allowed(request)
        name = server_name(request.server_name, request.chain[0])
        try:
            offers = offers_for(request.chain)
        except NoServerKey as error:
            raise Refusal(Code.HANDSHAKE_FAILED, str(error)) from error
        return ProbeTarget(request.addresses, request.port, name, offers, (request.certificate, *request.intermediates))

    def _require_allowed(self, request: VoucherRequest) -> None:
        if request.port not in self.ports:
            raise Refusal(Code.ADDRESS_REFUSED, f"port: {request.port} is not probed by this VA")
        for address in request.addresses:
            try:
                self.addresses.check(address)
            except AddressRefused as error:
                raise Refusal(Code.ADDRESS_REFUSED, f"addresses: {error.detail}") from error


def server_name(asked: str | None, certificate: x509.Certificate) -> str | None:
    """Return the probe's SNI: the request's serverName, or else what follows from the certificate (R3).

    That is its first DNS name that is a host name (I8), a wildcard's left label replaced by `www`; None if it has no
    DNS name. Raises `Refusal` (malformed) for a serverName that is not the certificate's, and where none of its DNS
    names is a host name: what a CA certified may still hold anything.
    """
    names = dns_names(certificate)
    if asked is None:
        return _first_host_name(names)
    if not any(stands_for(name, asked) for name in names):
        raise Refusal(Code.MALFORMED, f"serverName: {asked!r} is not a name of the certificate")
    return asked


def _first_host_name(names: Iterable[str]) -> str | None:
    fault = ""
    for name in names:
        try:
            return host_name(f"www{name[1:]}" if name.startswith("*.") else name)
        except InputError as error:
            fault = fault or str(error)
    if fault:
        raise Refusal(Code.MALFORMED, f"certificate: none of its DNS names is a host name: {fault}")
    return None
