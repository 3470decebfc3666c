"""One https GET of a URL that an operator settled: with roots of his choice, or those that this host trusts.

No redirect is followed, no proxy is used; size and time are bounded.
"""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.errors import HostError, InputError
from mecai.net.exchange import Answer
from mecai.net.over_tls import over_tls
from mecai.net.url import read_url
from mecai.service.deadline import Deadline
from mecai.service.printable import one_line, words

Roots = Sequence[x509.Certificate] | None  # none: what this host trusts
Headers = Mapping[str, str] | None
LONGEST_TAG: Final = 255  # characters of an ETag that is told; a longer one is none


@dataclass(frozen=True)
class Document:
    """What a server sent, and the ETag by which it knows it again; empty where it gave none."""

    octets: bytes
    etag: str


def get(url: str, limit: int, deadline: Deadline, roots: Roots = None) -> bytes | None:
    """Return the body of an answer 200, at most `limit` octets, or None for 404; raises `HostError`."""
    answer = _ask(url, limit, deadline, roots, None)
    return None if answer.status == HTTPStatus.NOT_FOUND else _body(url, answer)


def get_if_changed(url: str, limit: int, deadline: Deadline, etag: str, roots: Roots = None) -> Document | None:
    """Return what an answer 200 brings, or None if that is still what the server called `etag`; raises `HostError`."""
    answer = _ask(url, limit, deadline, roots, {"If-None-Match": etag} if etag else None)
    if etag and answer.status == HTTPStatus.NOT_MODIFIED:
        return None
    return Document(_body(url, answer), _tag(answer))


def _ask(url: str, limit: int, deadline: Deadline, roots: Roots, headers: Headers) -> Answer:
    try:
        return over_tls(read_url(url, "https"), trusting(roots), deadline, limit, headers=headers)
    except ssl.SSLCertVerificationError as error:
        raise HostError(f"{url}: its certificate is not trusted ({error.verify_message})") from error
    except (OSError, InputError) as error:
        raise HostError(f"{one_line(url)}: {words(error)}") from error


def _body(url: str, answer: Answer) -> bytes:
    if answer.status != HTTPStatus.OK:
        raise HostError(f"{url}: answered {answer.status} {one_line(answer.phrase)}, expected 200")
    if not answer.complete:
        raise HostError(f"{url}: answered more than the {len(answer.body)} octets allowed")
    return answer.body


def _tag(answer: Answer) -> str:
    etag = str(answer.headers.get("ETag", ""))
    return etag if len(etag) <= LONGEST_TAG and etag.isascii() and etag.isprintable() else ""


def trusting(roots: Roots) -> ssl.SSLContext:
    """Return a client's context that trusts these roots alone, or what this host trusts if there are none given."""
    if roots is None:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=b"".join(root.public_bytes(Encoding.DER) for root in roots))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
