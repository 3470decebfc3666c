"""Certificate status: ask OCSP, read CRLs, judge, cache; and which addresses may be contacted at all.

A `Collector` brings the evidence that a voucher needs. What it asks goes through a `Fetcher`, which contacts only
addresses that its `AddressPolicy` allows; the VAS's probe obeys the same policy.
"""

from mecai.evidence.collector import Collector
from mecai.evidence.status import Evidence, by_crl, by_lifetime, by_ocsp, ocsp_urls
from mecai.net.addresses import AddressPolicy, AddressRefused
from mecai.net.fetch import Fetch, Fetcher, FetchError

__all__ = [
    "AddressPolicy",
    "AddressRefused",
    "Collector",
    "Evidence",
    "Fetch",
    "FetchError",
    "Fetcher",
    "by_crl",
    "by_lifetime",
    "by_ocsp",
    "ocsp_urls",
]
