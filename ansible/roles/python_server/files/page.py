"""A site of one page, the file page.html beside this one."""

from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

PAGE = Path(__file__).with_name("page.html").read_bytes()


def application(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer whatever is asked for with the page (WSGI, PEP 3333)."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))])
    return [PAGE]
