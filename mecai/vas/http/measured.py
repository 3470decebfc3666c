"""Each request measured: how long it took, by route and by what came of it."""

import time
from collections.abc import Callable

from flask import Flask, Response, g, request
from werkzeug.wrappers import Request

from mecai.service.straight import View
from mecai.vas.measures import REQUEST

# A view that says besides what came of the request.
Measurable = Callable[[Request], tuple[str, Response]]


def measure(app: Flask) -> None:
    """Measure the requests of an application."""

    @app.before_request
    def begin() -> None:
        g.begun = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        outcome = g.get("outcome", str(response.status_code))
        REQUEST.labels(request.endpoint or "none", outcome).observe(time.perf_counter() - g.begun)
        return response


def came_to(outcome: str) -> None:
    """Say what came of the request that is being answered, where its HTTP status says too little."""
    g.outcome = outcome


def measured(route: str, view: Measurable) -> View:
    """Return a view that is measured, for `answer_straight`."""

    def answer(asked: Request) -> Response:
        begun, outcome = time.perf_counter(), "500"
        try:
            outcome, response = view(asked)
        finally:
            REQUEST.labels(route, outcome).observe(time.perf_counter() - begun)
        return response

    return answer
