"""The HTTP interface of a VAS (docs/spec R2, R7, R8): a thin Flask application for gunicorn.

    gunicorn --worker-class gthread --workers 1 --threads 16 'mecai.vas.http.app:create_app()'

Configuration: MECAI_VAS_CONFIG, or /etc/mecai/vas.toml. One worker process, for requests in flight and slots are
a process's own (`mecai.vas.admission`); more threads than `parallel_requests`, so that health is answered under load.
"""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask, Response
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request

from mecai.protocol.codec.strict_json import TIME
from mecai.protocol.limits import LIMITS
from mecai.service.straight import answer_straight
from mecai.service.web import frame, retry_after, start
from mecai.vas.assembly import Assembly, assemble
from mecai.vas.config import read_config
from mecai.vas.hold.wait import OnHold
from mecai.vas.http.measured import Measurable, came_to, measure, measured
from mecai.vas.http.problems import problem
from mecai.vas.http.reports import route_reports
from mecai.vas.http.statements import route_statements
from mecai.vas.refusal import Code, Refusal

REQUEST_TYPE: Final = "application/mecai-voucher-request"
VOUCHER_TYPE: Final = "application/mecai-voucher"

_WRONG_TYPE: Final = Refusal(Code.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: expected {REQUEST_TYPE}")
_TOO_LARGE: Final = Refusal(Code.TOO_LARGE, f"more than {LIMITS.request_size} octets")
_OPENAPI: Final = (files(__package__) / "openapi.json").read_bytes()  # docs/spec R8


def create_app() -> Flask:
    """Make the application as the environment configures it; a bad configuration ends the process in one line."""
    path = Path("/etc/mecai/vas.toml")
    return start("the VAS", "MECAI_VAS_CONFIG", path, lambda path: make_app(assemble(read_config(path), _now)))


def make_app(server: Assembly) -> Flask:
    """Make the application around a server."""
    proxies = server.config.trusted_proxies
    app = frame(__name__, server.readiness(), largest_body=LIMITS.request_size, trusted_proxies=proxies)
    measure(app)
    answer_straight(app, "/v1/vouchers", measured("vouchers", _vouchers(server)), trusted_proxies=proxies)
    _route(app, server)
    route_statements(app, server)
    route_reports(app, server)
    _handle_refusals(app)
    return app


def _vouchers(server: Assembly) -> Measurable:
    def vouchers(request: Request) -> tuple[str, Response]:
        if request.mimetype != REQUEST_TYPE:
            return _WRONG_TYPE.code, problem(_WRONG_TYPE).response()
        try:
            answer = server.admission.answer(request.get_data(), request.remote_addr or "")
        except Refusal as refusal:
            return refusal.code, problem(refusal).response()
        except RequestEntityTooLarge:
            return Code.TOO_LARGE, problem(_TOO_LARGE).response()
        if isinstance(answer, OnHold):
            return "on-hold", _on_hold(answer, server.clock())
        return "vouched-again" if answer.again else "vouched", Response(answer.der, content_type=VOUCHER_TYPE)

    return vouchers


def _route(app: Flask, server: Assembly) -> None:
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


def _on_hold(held: OnHold, now: datetime) -> Response:
    detail = {"detail": held.detail} if held.detail else {}
    members = {"holdEnd": held.until.strftime(TIME), "reason": "first-seen", **detail}
    headers = retry_after(held.until - now)
    return Response(json.dumps(members) + "\n", HTTPStatus.ACCEPTED, headers, content_type="application/json")


def _handle_refusals(app: Flask) -> None:
    @app.errorhandler(Refusal)
    def refused(refusal: Refusal) -> Response:
        came_to(refusal.code)
        return problem(refusal).response()

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(_error: RequestEntityTooLarge) -> Response:
        return refused(_TOO_LARGE)


def _now() -> datetime:
    """Return the time in whole seconds, as vouchers and logs have it."""
    return datetime.now(UTC).replace(microsecond=0)
