"""The OCSP responder over HTTP (RFC 6960 appendix A, RFC 5019 sections 5 and 6), CRLs too: a Flask application.

    gunicorn 'mecai.ca.ocsp.app:create_app()'      # configuration: MECAI_OCSP_CONFIG, or /etc/mecai/ocsp.toml

- `GET /<base64 of the request>` and `POST /` are OCSP;
- `GET` of any path that ends in a CRL's name is that CRL, so that the CA's `crl_url` may be any folder of this host;
- `/healthz` says that the process lives, `/readyz` that it can answer: the status is complete, and answers about the
  delegates' own certificates pass a client's judgement;
- every other path is 404.

A web server in front must pass paths on as they came: base64 has slashes, two in a row as well. Certificates are read
at the start: restart after issuing a delegate's certificate anew.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from flask import Flask, request
from werkzeug import Response
from werkzeug.exceptions import NotFound, ServiceUnavailable, UnsupportedMediaType

from mecai.ca.config import DelegateFiles, ResponderConfig
from mecai.ca.ocsp.path import request_in
from mecai.ca.ocsp.responder import Delegate, OcspReply, OcspResponder
from mecai.ca.repository.crl import PublishedCrl, crl_name, read_crl
from mecai.ca.repository.status import StatusFolder
from mecai.ca.storage.records import Issuer
from mecai.errors import HostError
from mecai.service.pem import load_certificates, load_key
from mecai.service.readiness import Readiness
from mecai.service.settings import read_settings
from mecai.service.web import frame, start

Clock = Callable[[], datetime]

REQUEST_TYPE: Final = "application/ocsp-request"
RESPONSE_TYPE: Final = "application/ocsp-response"
CRL_TYPE: Final = "application/pkix-crl"  # RFC 2585 section 4.2
LARGEST_REQUEST: Final = 16 * 1024
_LISTS: Final = {crl_name(issuer): issuer for issuer in Issuer}
LONGEST_CACHED: Final = timedelta(hours=1)  # so that a cache hides a revocation no longer than this

LOG = logging.getLogger(__name__)


def create_app() -> Flask:
    """Make the application as the environment configures it; a bad configuration ends the process in one line."""
    default = Path("/etc/mecai/ocsp.toml")
    return start(
        "the OCSP responder", "MECAI_OCSP_CONFIG", default, lambda path: make_app(read_settings(path, ResponderConfig))
    )


def make_app(config: ResponderConfig, clock: Clock = lambda: datetime.now(UTC)) -> Flask:
    """Make the application; raises `HostError` if a key or certificate is missing or does not fit."""
    responder, statuses = make_responder(config), StatusFolder(config.public)
    readiness = Readiness({"database": statuses.require_complete, "own-status": lambda: responder.check(clock())})
    app = frame(__name__, readiness, largest_body=LARGEST_REQUEST)
    app.url_map.merge_slashes = False

    @app.get("/<path:path>")
    def get(path: str) -> Response:
        now, issuer = clock(), _LISTS.get(path.rpartition("/")[2])
        if issuer is not None:
            return _cacheable(_read_crl(config.public, issuer, now), CRL_TYPE, now)
        der = request_in(path)
        if der is None:
            raise NotFound
        return _cacheable(responder.reply(der, now), RESPONSE_TYPE, now)

    @app.post("/")
    def post() -> Response:
        if request.mimetype != REQUEST_TYPE:
            raise UnsupportedMediaType
        return _response(responder.reply(request.get_data(), clock()), RESPONSE_TYPE)

    return app


def make_responder(config: ResponderConfig) -> OcspResponder:
    """Make what answers, without HTTP; raises `HostError` if a key or certificate is missing or does not fit."""
    delegates = [_load_delegate(files, config.public) for files in config.delegates]
    return OcspResponder(delegates, StatusFolder(config.public), config.validity)


def _read_crl(public: Path, issuer: Issuer, now: datetime) -> PublishedCrl:
    try:
        found = read_crl(public, issuer, now)
    except HostError as error:
        LOG.error("no CRL can be given", extra={"error": str(error)})  # noqa: TRY400 - no traceback needed
        raise ServiceUnavailable from error
    if found is None:
        raise NotFound
    return found


def _response(reply: OcspReply | PublishedCrl, media_type: str) -> Response:
    response = Response(reply.der, content_type=media_type)
    response.cache_control.no_store = True
    return response


def _cacheable(reply: OcspReply | PublishedCrl, media_type: str, now: datetime) -> Response:
    """Return the response with the headers of RFC 5019 section 6.2, if caches may keep it."""
    response = _response(reply, media_type)
    if reply.span is None:
        return response
    this_update, next_update = reply.span
    age = min(next_update - now, LONGEST_CACHED)
    response.headers["Cache-Control"] = f"max-age={int(age.total_seconds())}, public, no-transform, must-revalidate"
    response.last_modified = this_update
    response.expires = next_update
    response.add_etag()
    return response.make_conditional(request)


def _load_delegate(files: DelegateFiles, public: Path) -> Delegate:
    """Read a delegate and find its issuer among the authority's; raises `HostError`."""
    (certificate, *_), key = load_certificates(files.certificate), load_key(files.key)
    if key.public_key() != certificate.public_key():
        raise HostError(f"{files.certificate}: does not certify the key in {files.key}")
    for role in Issuer:
        (issuer,) = load_certificates(public / f"{role}.pem")
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return Delegate(role, issuer, certificate, key)
    raise HostError(f"{files.certificate}: issued by no CA certificate in {public}")
