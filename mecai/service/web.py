"""The frame of every HTTP service: a Flask application for gunicorn, before its first own route.

    def create_app() -> Flask:
        return start("the VAS", "MECAI_VAS_CONFIG", Path("/etc/mecai/vas.toml"), make_app)

Logs are JSON lines; what ends the start is one of them. A body has a limit, `/healthz` says that the process lives,
`/readyz` that it can do its work, and every error is a problem document (RFC 9457), those of Flask itself too. Each
request has an id: in the log, in `X-Request-Id` of the answer, and in problem documents (`requestId`).
"""

import json
import logging
import math
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from flask import Flask, Response, after_this_request, request
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.middleware.proxy_fix import ProxyFix

from mecai.errors import MecaiError
from mecai.service.logs import REQUEST_ID, log_json
from mecai.service.readiness import Readiness

PROBLEM_TYPE: Final = "application/problem+json"
UNTYPED: Final = "about:blank"  # RFC 9457 section 4.2.1: the status says all that there is to say
REQUEST_ID_FIELD: Final = "X-Request-Id"
_REQUEST_ID: Final = re.compile(r"[0-9a-f]{32}")  # as nginx writes $request_id
_BOOT_FAILURE: Final = 3  # gunicorn's exit code that stops it from starting workers again and again

LOG = logging.getLogger(__name__)
Application = TypeVar("Application")  # WSGI's


@dataclass(frozen=True)
class ProblemDocument:
    """What is wrong (RFC 9457), with members of its own in `extra` and, where it helps, when to `retry`."""

    status: int
    title: str
    type: str = UNTYPED
    detail: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    retry: timedelta | None = None

    def members(self) -> dict[str, Any]:
        """Return the members of the JSON object."""
        detail = {} if self.detail is None else {"detail": self.detail}
        return {"type": self.type, "title": self.title, "status": self.status, **detail, **self.extra}

    def response(self) -> Response:
        """Return the answer that carries it."""
        named = REQUEST_ID.get()
        members = self.members() | ({"requestId": named} if named else {})
        response = Response(json.dumps(members) + "\n", self.status, content_type=PROBLEM_TYPE)
        if self.retry is not None:
            response.headers.update(retry_after(self.retry))
        return response


def retry_after(pause: timedelta) -> dict[str, str]:
    """Return `Retry-After` (RFC 9110 section 10.2.3) in whole seconds, at least one."""
    return {"Retry-After": str(max(1, math.ceil(pause.total_seconds())))}


def request_id(given: str) -> str:
    """Return the id of a request: what a proxy named it, if that is one, or a new one."""
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def start(what: str, variable: str, default: Path, make: Callable[[Path], Application]) -> Application:
    """Make the application of the file that the environment `variable` names; a bad one ends the process in one line.

    `what` names the service in that line.
    """
    log_json()
    try:
        return make(Path(os.environ.get(variable, default)))
    except MecaiError as error:
        LOG.critical("%s cannot start", what, extra={"error": str(error)})
        raise SystemExit(_BOOT_FAILURE) from None


def frame(name: str, readiness: Readiness, *, largest_body: int, trusted_proxies: int = 0) -> Flask:
    """Make an application that has no route yet but health and readiness.

    `name` is the importing module's. `largest_body` is in octets; `trusted_proxies` in front of the service each add
    to X-Forwarded-For, and the last of them may name a request: `X-Request-Id`, 32 hex digits in lower case.
    """
    app = Flask(name)
    app.config["MAX_CONTENT_LENGTH"] = largest_body
    if trusted_proxies:
        proxied = ProxyFix(app.wsgi_app, x_for=trusted_proxies, x_proto=0)
        app.wsgi_app = proxied  # type: ignore[method-assign]  # the way that Flask documents
    _name_requests(app, believed=bool(trusted_proxies))

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    def ready() -> tuple[dict[str, Any], int]:
        return readiness.answer()

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> Response:
        response = ProblemDocument(error.code or InternalServerError.code, error.name).response()
        said = {name: value for name, value in error.get_headers() if name != "Content-Type"}
        response.headers.update(said)  # such as Allow, which RFC 9110 section 15.5.6 wants beside 405
        return response

    return app


def _name_requests(app: Flask, *, believed: bool) -> None:
    """Give each request its id while it is answered: what a proxy named it, where one is `believed`, or a new one."""

    @app.before_request
    def name() -> None:
        named = request_id(request.headers.get(REQUEST_ID_FIELD, "") if believed else "")
        REQUEST_ID.set(named)

        @after_this_request
        def tell(response: Response) -> Response:
            response.headers[REQUEST_ID_FIELD] = named
            return response

    @app.teardown_request
    def forget(_error: BaseException | None) -> None:
        REQUEST_ID.set(None)
