"""The OCSP responder over HTTP (RFC 6960 appendix A, RFC 5019 sections 5 and 6): a Flask application for gunicorn.

    gunicorn 'mecai.ca.ocsp.app:create_app()'      # configuration: MECAI_OCSP_CONFIG, or /etc/mecai/ocsp.toml

`GET /<base64 of the request>` and `POST /`; `/healthz` says that the process lives, `/readyz` that it can answer: the
status is complete, and answers about the delegates' own certificates pass a client's judgement. A web server in
front must pass paths on as they came: base64 has slashes, two in a row as well. Certificates are read at the start:
restart after issuing a delegate's certificate anew.
"""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from flask import Flask, request
from werkzeug import Response
from werkzeug.exceptions import UnsupportedMediaType

from mecai.ca.config import DelegateFiles, ResponderConfig
from mecai.ca.ocsp.responder import Delegate, OcspReply, OcspResponder
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
LARGEST_REQUEST: Final = 16 * 1024
LONGEST_CACHED: Final = timedelta(hours=1)  # so that a cache hides a revocation no longer than this


def create_app() -> Flask:
    """Make the application as the environment configures it; a bad configuration ends the process in one line."""
    default = Path("/etc/mecai/ocsp.toml")
    return start(
        "the OCSP responder", "MECAI_OCSP_CONFIG", default, lambda path: make_app(read_settings(path, ResponderConfig))
    )


def make_app(config: ResponderConfig, clock: Clock = lambda: datetime.now(UTC)) -> Flask:
    """Make the application; raises `HostError` if a key or certificate is missing or does not fit."""
    delegates = [_load_delegate(files, config.public) for files in config.delegates]
    statuses = StatusFolder(config.public)
    responder = OcspResponder(delegates, statuses, config.validity)
    readiness = Readiness({"database": statuses.require_complete, "own-status": lambda: responder.check(clock())})
    app = frame(__name__, readiness, largest_body=LARGEST_REQUEST)
    app.url_map.merge_slashes = False

    @app.get("/<path:encoded>")
    def get(encoded: str) -> Response:
        try:
            der = base64.b64decode(encoded, validate=True)
        except ValueError:
            der = b""
        now = clock()
        reply = responder.reply(der, now)
        return _cacheable(reply, now).make_conditional(request)

    @app.post("/")
    def post() -> Response:
        if request.mimetype != REQUEST_TYPE:
            raise UnsupportedMediaType
        return _response(responder.reply(request.get_data(), clock()))

    return app


def _response(reply: OcspReply) -> Response:
    response = Response(reply.der, content_type=RESPONSE_TYPE)
    response.cache_control.no_store = True
    return response


def _cacheable(reply: OcspReply, now: datetime) -> Response:
    """Return the response with the headers of RFC 5019 section 6.2, if caches may keep it."""
    response = _response(reply)
    if reply.span is None:
        return response
    this_update, next_update = reply.span
    age = min(next_update - now, LONGEST_CACHED)
    response.headers["Cache-Control"] = f"max-age={int(age.total_seconds())}, public, no-transform, must-revalidate"
    response.last_modified = this_update
    response.expires = next_update
    response.add_etag()
    return response


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
