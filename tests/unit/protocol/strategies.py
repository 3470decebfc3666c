"""Hypothesis strategies for the protocol's value objects."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from string import ascii_uppercase, digits
from typing import TypeVar

from hypothesis import strategies as st

from mecai.errors import Malformed
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.status_evidence import EvidenceMethod, StatusEvidence
from mecai.protocol.objects.voucher_info import Extension, VoucherInfo
from mecai.protocol.pki.identity import is_mapped

Value = TypeVar("Value")

hashes = st.binary(min_size=32, max_size=32)
authority_ids = st.binary(min_size=8, max_size=8)
contexts = st.lists(st.text(ascii_uppercase + digits + "-", min_size=1, max_size=32), max_size=7, unique=True).map(
    tuple
)
addresses = st.lists(
    st.binary(min_size=4, max_size=4)
    | st.binary(min_size=16, max_size=16).filter(lambda octets: not is_mapped(octets)),
    min_size=1,
    max_size=16,
    unique=True,
).map(tuple)
moments = st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 naive by contract
    lambda moment: moment.replace(microsecond=0)
)
spans = st.tuples(moments, st.timedeltas(timedelta(seconds=1), timedelta(days=400))).map(
    lambda pair: (pair[0], pair[0] + timedelta(seconds=max(1, int(pair[1].total_seconds()))))
)
extensions = st.builds(
    Extension,
    identifier=st.integers(0, 10**6).map(lambda leaf: f"1.3.6.1.4.1.32473.9.{leaf}"),
    critical=st.just(value=False),
    value=st.binary(max_size=40),
)


@st.composite
def status_evidence(draw: st.DrawFn, certificate_hash: bytes, *, first: bool) -> StatusEvidence:
    """Evidence for one certificate; only the first may be short-lived."""
    methods = list(EvidenceMethod) if first else [EvidenceMethod.OCSP, EvidenceMethod.CRL]
    method = draw(st.sampled_from(methods))
    this_update, next_update = draw(spans)
    evidence_hash = None if method is EvidenceMethod.SHORT_LIVED else draw(hashes)
    return StatusEvidence(certificate_hash, method, this_update, next_update, evidence_hash)


@st.composite
def voucher_infos(draw: st.DrawFn) -> VoucherInfo:
    """Any VoucherInfo that the specification allows."""
    chain = draw(st.lists(hashes, min_size=1, max_size=9, unique=True))
    this_update, next_update = draw(spans)
    return VoucherInfo(
        authority=draw(authority_ids),
        serial_number=draw(st.integers(1, (1 << 128) - 1)),
        certificate_hash=chain[0],
        intermediate_hashes=tuple(chain[1:]),
        addresses=draw(addresses),
        probed_port=draw(st.integers(1, 1023)),
        this_update=this_update,
        next_update=next_update,
        trust_contexts=draw(contexts),
        intermediates_matched=draw(st.booleans()),
        perspectives=draw(st.integers(1, 255)),
        status_evidence=tuple(draw(status_evidence(item, first=not index)) for index, item in enumerate(chain)),
        extensions=tuple(draw(st.lists(extensions, max_size=4, unique_by=lambda item: item.identifier))),
    )


@st.composite
def choices(draw: st.DrawFn) -> RequestExtension:
    """Any voucher_request that the specification allows."""
    candidates = draw(st.lists(authority_ids, min_size=1, max_size=16, unique=True))
    return RequestExtension(
        quorum=draw(st.integers(1, len(candidates))),
        candidates=tuple(candidates),
        contexts=draw(contexts),
        cached=tuple(draw(st.lists(hashes, max_size=16))),
    )


def parsed(decode: Callable[[bytes], Value], octets: bytes, rule: str = "V1") -> Value | None:
    """Return what the octets decode to, or None when they are `Malformed` under the rule; lets all else through."""
    try:
        return decode(octets)
    except Malformed as error:
        if error.rule != rule:
            raise
        return None


def changed(octets: bytes) -> st.SearchStrategy[bytes]:
    """Draw the octets with one of them changed."""
    return st.builds(
        lambda position, change: octets[:position] + bytes([octets[position] ^ change]) + octets[position + 1 :],
        st.integers(0, len(octets) - 1),
        st.integers(1, 255),
    )
