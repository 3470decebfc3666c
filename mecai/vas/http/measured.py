"""Each request measured: how long it took, by route and by what came of it."""

import time

from flask import Flask, Response, g, request

from mecai.vas.measures import REQUEST


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
