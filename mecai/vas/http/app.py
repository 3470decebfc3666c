"""The HTTP interface of a VAS (docs/spec R2, R7, R8): a thin Flask application for gunicorn.

    gunicorn --worker-class gthread --workers 1 --threads 16 'mecai.vas.http.app:create_app()'

Configuration: MECAI_VAS_CONFIG, or /etc/mecai/vas.toml. One worker process, for requests in flight and quotas are
counted in memory (`mecai.vas.admission`); more threads than `parallel_requests`, so that health is answered under load.
"""

import logging
import os
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix

from mecai.errors import MecaiError
from mecai.protocol.limits import LIMITS
from mecai.service.logs import log_json
from mecai.vas.assembly import Assembly, assemble
from mecai.vas.config import read_config
from mecai.vas.issuance.issue import Held
from mecai.vas.problem import MEDIA_TYPE, Code, Problem, retry_after

REQUEST_TYPE: Final = "application/mecai-voucher-request"
VOUCHER_TYPE: Final = "application/mecai-voucher"
_BOOT_FAILURE: Final = 3  # gunicorn's exit code that stops it from starting workers again and again

_OPENAPI: Final = (files(__package__) / "openapi.json").read_bytes()  # docs/spec R8

LOG = logging.getLogger(__name__)


def create_app() -> Flask:
    """Make the application as the environment configures it; a bad configuration ends the process in one line."""
    log_json()
    path = Path(os.environ.get("MECAI_VAS_CONFIG", "/etc/mecai/vas.toml"))
    try:
        return make_app(assemble(read_config(path), _now))
    except MecaiError as error:
        LOG.critical("the VAS cannot start", extra={"error": str(error)})
        raise SystemExit(_BOOT_FAILURE) from None


def make_app(server: Assembly) -> Flask:
    """Make the application around a server."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LIMITS.request_size
    proxied = ProxyFix(app.wsgi_app, x_for=server.config.trusted_proxies, x_proto=0)
    app.wsgi_app = proxied  # type: ignore[method-assign]  # the way that Flask documents
    _route(app, server)
    _handle_errors(app)
    return app


def _route(app: Flask, server: Assembly) -> None:
    readiness = server.readiness()

    @app.post("/v1/vouchers")
    def vouchers() -> Response:
        if request.mimetype != REQUEST_TYPE:
            raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: expected {REQUEST_TYPE}")
        answer = server.reception.answer(request.get_data(), request.remote_addr or "")
        if isinstance(answer, Held):
            return _on_hold(answer, server.clock())
        return Response(answer.der, content_type=VOUCHER_TYPE)

    @app.get("/v1/authority")
    def authority() -> dict[str, Any]:
        return {
            "authority": server.signer.authority.hex(),
            "certificate": server.signer.certificate.public_bytes(Encoding.PEM).decode(),
            "contexts": [directory.context for directory in server.directories.in_force(server.clock())],
            "lifetime": int(server.config.lifetime.total_seconds()),
            "hold": int(server.config.hold.total_seconds()),
        }

    @app.get("/v1/openapi.json")
    def openapi() -> Response:
        return Response(_OPENAPI, content_type="application/json")

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    def ready() -> tuple[dict[str, Any], int]:
        return readiness.answer()


def _on_hold(held: Held, now: datetime) -> Response:
    response = jsonify(holdEnd=f"{held.until:%Y-%m-%dT%H:%M:%SZ}", reason="first-seen")
    response.status_code = 202
    response.headers.update(retry_after(held.until - now))
    return response


def _handle_errors(app: Flask) -> None:
    @app.errorhandler(Problem)
    def refused(problem: Problem) -> Response:
        return _document(problem.document(), problem.headers())

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(_error: RequestEntityTooLarge) -> Response:
        return refused(Problem(Code.TOO_LARGE, f"more than {LIMITS.request_size} octets"))

    @app.errorhandler(HTTPException)
    def other(error: HTTPException) -> Response:
        return _document({"type": "about:blank", "title": error.name, "status": error.code}, {})


def _document(members: dict[str, Any], headers: dict[str, str]) -> Response:
    """Return a problem document (RFC 9457)."""
    response = jsonify(members)
    response.status_code = members["status"]
    response.headers.update({"Content-Type": MEDIA_TYPE} | headers)
    return response


def _now() -> datetime:
    """Return the time in whole seconds, as vouchers and logs have it."""
    return datetime.now(UTC).replace(microsecond=0)
