"""Every limit of the protocol in one place, each with its unit and the section of the specification that sets it.

A limit is a fact of the wire format or a default that an operator may lower; parsers take theirs from here and from
nowhere else.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final


@dataclass(frozen=True)
class Limits:
    """Bounds on sizes (octets), counts and durations."""

    # Voucher
    voucher_size: int = 16 * 1024
    certificate_size: int = 65_535
    ocsp_response_size: int = 64 * 1024
    ocsp_staple_size: int = 16 * 1024 - 4  # OpenSSL's clients take a CertificateStatus of 2^14 (TLS 1.2), 4 its header
    intermediates: int = 8
    addresses: int = 16
    contexts: int = 32
    context_length: int = 32
    perspectives: int = 255
    extensions: int = 16
    serial_bits: int = 128
    voucher_lifetime: timedelta = timedelta(hours=72)
    clock_skew: timedelta = timedelta(seconds=300)
    authority_certificate_lifetime: timedelta = timedelta(days=366)
    authority_status_lifetime: timedelta = timedelta(hours=48)
    short_lived_lifetime: timedelta = timedelta(days=7)
    status_age: timedelta = timedelta(days=10)  # the oldest OCSP answer, whatever its nextUpdate
    intranet_status_age: timedelta = timedelta(hours=48)  # the same under rule M4, where the responder is one's own

    # Voucher Request Protocol
    request_size: int = 64 * 1024
    server_name_length: int = 253

    # Hold
    succession_age: timedelta = timedelta(hours=24)
    expedite_lifetime: timedelta = timedelta(hours=72)
    reason_length: int = 1000  # characters

    # Reports and incident notices
    report_chain_size: int = 40 * 1024  # in base64, and signed, it is below `request_size`
    report_age: timedelta = timedelta(hours=48)  # of what a client saw, when it tells of it
    passed_on_age: timedelta = timedelta(days=8)  # of that, or of a notice, when another VA passes it on

    # TLS extensions
    candidates: int = 16
    choice_contexts_size: int = 255
    cached_vouchers: int = 16
    cached_left: timedelta = timedelta(seconds=600)  # that a cached voucher has to live, as one that a server sends
    staple_size: int = 64_000

    # Directory
    directory_size: int = 4 * 1024 * 1024
    directory_lifetime: timedelta = timedelta(days=30)
    directory_authorities: int = 1024
    directory_publishers: int = 2

    # Certificate chains
    chain_length: int = 10
    rsa_bits: tuple[int, int] = (2048, 8192)  # least and most, of a modulus
    rsa_read_bits: tuple[int, int] = (16_384, 64)  # most of a modulus and of an exponent that are worked with at all
    remembered_addresses: int = 1024  # of which the other form is remembered, octets or text
    remembered_domains: int = 1024  # of host names, which registrable one they are below
    remembered_responses: int = 128  # of OCSP, which stay parsed, of at most `ocsp_response_size` octets each
    remembered_signatures: int = 128  # that verified, each with what it is of: an OCSP response at most
    remembered_certificates: int = 128  # how many stay parsed, of at most `certificate_size` octets each


LIMITS: Final = Limits()
