"""One route of a service that is asked more than all others together, answered without Flask.

To find a view and call it, Flask takes as long as a VAS has for all else that it refuses at once (docs/benchmarks.md).
What it does besides is done here too: the request's id, the limit of its body, and errors as problem documents.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Request

from mecai.service.logs import REQUEST_ID
from mecai.service.web import REQUEST_ID_FIELD, ProblemDocument, request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

View = Callable[[Request], Response]


def answer_straight(app: Flask, path: str, view: View, *, trusted_proxies: int = 0) -> None:
    """Let a view answer what is posted to a path of an application that `frame` made, with as many proxies."""
    app.add_url_rule(path, path, methods=["POST"])  # for whoever asks by another method (RFC 9110 section 15.5.6)
    straight: WSGIApplication = _Straight(app, view, believed=bool(trusted_proxies))
    if trusted_proxies:
        straight = ProxyFix(straight, x_for=trusted_proxies, x_proto=0)
    others: WSGIApplication = app.wsgi_app

    def choose(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        mine = environ["PATH_INFO"] == path and environ["REQUEST_METHOD"] == "POST"
        return (straight if mine else others)(environ, start_response)

    app.wsgi_app = choose  # type: ignore[method-assign]  # the way that Flask documents


class _Straight:
    """The view as a WSGI application."""

    def __init__(self, app: Flask, view: View, *, believed: bool) -> None:
        self._log: Final = app.logger
        self._largest_body: Final = app.config["MAX_CONTENT_LENGTH"]
        self._view = view
        self._believed = believed

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = self._largest_body
        name = request_id(environ.get("HTTP_X_REQUEST_ID", "") if self._believed else "")
        token = REQUEST_ID.set(name)
        try:
            response = self._answer(request)
        finally:
            REQUEST_ID.reset(token)
        response.headers[REQUEST_ID_FIELD] = name
        start_response(response.status, response.headers.to_wsgi_list())  # with its length, as its octets are all here
        return [response.get_data()]

    def _answer(self, request: Request) -> Response:
        try:
            return self._view(request)
        except HTTPException as error:
            return ProblemDocument(error.code or HTTPStatus.INTERNAL_SERVER_ERROR, error.name).response()
        except Exception:
            self._log.exception("Exception on %s [%s]", request.path, request.method)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return ProblemDocument(status, status.phrase).response()
