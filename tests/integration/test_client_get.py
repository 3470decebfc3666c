"""`mecai client get` with what it takes besides a URL: fields, method, body, addresses, redirects, a file."""

import http.server
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mecai.client.fetch import FILE_LIMIT
from mecai.client.request import REDIRECTS
from tests.integration.client_servers import openssl_server
from tests.integration.test_client_command import document, mecai
from tests.scene import HOST
from tests.unit.server.shelf import IDS, Shelf, world


class Site(http.server.BaseHTTPRequestHandler):
    """Says what it was asked, leads on to where it is told to, or sends more than anybody keeps."""

    def _answer(self) -> None:
        url = urlsplit(self.path)
        words = {name: values[0] for name, values in parse_qs(url.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = {"method": self.command, "path": self.path, "headers": self.headers.items(), "body": body.decode()}
        content = json.dumps(said).encode() if url.path != "/large" else bytes(FILE_LIMIT + 1)
        if url.path == "/loop":
            words = {"status": "302", "to": "/loop"}
        self.send_response(int(words.get("status", HTTPStatus.OK)))
        if "to" in words:
            self.send_header("Location", words["to"])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_HEAD = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write what a client reads."""
    path = tmp_path_factory.mktemp("client")
    world.write_config(path)
    return path


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of the site, which has vouchers."""
    home = tmp_path_factory.mktemp("site")
    shelf = Shelf(home / "staples")
    for name in IDS:
        shelf.put(name)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        server.socket = shelf.serving(home).wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def fetched(folder: Path, url: str, *words: str) -> dict[str, Any]:
    result = mecai(folder, "get", url, "--format", "json", *words)
    assert (result.returncode, result.stderr) == (0, "")
    return document(result)


def echoed(found: dict[str, Any]) -> dict[str, Any]:
    """Return what the site says that it was asked."""
    said: dict[str, Any] = json.loads(found["page"]["body"])
    return said


def test_method_fields_and_body(folder: Path, port: int) -> None:
    words = ("-X", "PUT", "-H", "Accept: a/b", "-H", "user-agent: me", "-d", "some text")
    said = echoed(fetched(folder, f"https://localhost:{port}/a?b", *words))
    assert (said["method"], said["path"], said["body"]) == ("PUT", "/a?b", "some text")
    headers = [(name.lower(), value) for name, value in said["headers"]]
    assert ("accept", "a/b") in headers
    assert [value for name, value in headers if name == "user-agent"] == ["me"]


def test_a_body_from_a_file_is_posted(folder: Path, port: int, tmp_path: Path) -> None:
    (tmp_path / "body").write_text("from a file")
    said = echoed(fetched(folder, f"https://localhost:{port}/", "--data", f"@{tmp_path / 'body'}"))
    assert (said["method"], said["body"]) == ("POST", "from a file")


def test_head_brings_no_page(folder: Path, port: int) -> None:
    assert fetched(folder, f"https://localhost:{port}/", "-X", "HEAD")["page"]["body"] == ""


def test_an_address_of_ones_own(folder: Path, port: int) -> None:
    url = f"https://{HOST}:{port}/"
    found = fetched(folder, url, "--resolve", f"{HOST}:{port}:127.0.0.1")
    assert (found["url"], found["address"]) == (url, "127.0.0.1")
    elsewhere = mecai(folder, "get", url, "--resolve", f"{HOST}:1:127.0.0.1", "--format", "json")
    assert (elsewhere.returncode, document(elsewhere)["reason"]) == (3, "unreachable")


def test_a_page_for_a_file(folder: Path, port: int, tmp_path: Path) -> None:
    result = mecai(folder, "get", f"https://localhost:{port}/", "-o", str(tmp_path / "page"))
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads((tmp_path / "page").read_text())["method"] == "GET"
    assert f"200 OK, kept in {tmp_path / 'page'}" in result.stdout.splitlines()[-1]


def test_a_page_that_is_too_large_for_a_file_leaves_none(folder: Path, port: int, tmp_path: Path) -> None:
    result = mecai(folder, "get", f"https://localhost:{port}/large", "-o", str(tmp_path / "page"), "--timeout", "600")
    assert result.returncode == 3
    assert "longer than the 67108864 octets" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_page_goes_where_a_link_leads_and_as_the_umask_has_it(folder: Path, port: int, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "page")
    before = os.umask(0o027)
    try:
        mecai(folder, "get", f"https://localhost:{port}/", "-o", str(tmp_path / "link"))
    finally:
        os.umask(before)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "page").stat().st_mode & 0o777 == 0o640


def test_a_device_takes_a_page_and_stays_a_device(folder: Path, port: int, tmp_path: Path) -> None:
    os.mknod(tmp_path / "null", stat.S_IFCHR | 0o600, os.makedev(1, 3))  # as /dev/null is
    result = mecai(folder, "get", f"https://localhost:{port}/", "-o", str(tmp_path / "null"))
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "null").is_char_device()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file_is_not_replaced_by_one(folder: Path, tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "thing")
    result = mecai(folder, "get", "https://localhost/", "-o", str(tmp_path / "thing"))
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert "is no file" in result.stderr
    assert not (tmp_path / "thing").is_file()


def test_a_page_that_cannot_be_kept(folder: Path, port: int, tmp_path: Path) -> None:
    where = tmp_path / "nowhere" / "page"
    result = mecai(folder, "get", f"https://localhost:{port}/", "-o", str(where), "--format", "json")
    assert (result.returncode, document(result)["page"]["file"]) == (3, None)
    assert f"{where}: cannot be written" in result.stderr


def test_no_redirect_is_followed_unasked(folder: Path, port: int) -> None:
    found = fetched(folder, f"https://localhost:{port}/?status=302&to=/there")
    assert (found["page"]["status"], found["page"]["location"]) == (302, "/there")


def test_redirects_are_followed_and_each_is_judged(folder: Path, port: int) -> None:
    url = f"https://localhost:{port}/?status=307&to=/there"
    found = fetched(folder, url, "-L", "-d", "text", "-H", "Cookie: a=b")
    said = echoed(found)
    assert (said["method"], said["path"], said["body"]) == ("POST", "/there", "text")
    (earlier,) = found["redirects"]
    assert (earlier["verdict"], earlier["url"]) == ("accepted", url)
    assert earlier["page"] == {"status": 307, "location": f"https://localhost:{port}/there"}
    shown = mecai(folder, "get", url, "-L").stdout.splitlines()
    assert shown[:2] == [
        f"{url}  accepted, 307 to https://localhost:{port}/there",
        f"https://localhost:{port}/there  accepted",
    ]


def test_a_redirect_to_a_server_without_vouchers_is_refused(folder: Path, port: int, tmp_path: Path) -> None:
    with openssl_server(world, tmp_path, None) as bare:
        there = f"https://127.0.0.1:{bare}/"
        result = mecai(folder, "get", f"https://localhost:{port}/?status=302&to={there}", "-L", "--format", "json")
    found = document(result)
    assert (result.returncode, found["verdict"], found["reason"]) == (1, "refused", "no-voucher")
    assert found["url"] == there
    assert "page" not in found


def test_a_redirect_that_leaves_https_is_not_followed(folder: Path, port: int) -> None:
    result = mecai(folder, "get", f"https://localhost:{port}/?status=302&to=http://localhost/", "-L")
    assert result.returncode == 3
    (line,) = result.stderr.splitlines()
    assert "leads on to where no voucher can be demanded" in line


def test_redirects_end(folder: Path, port: int) -> None:
    loop = mecai(folder, "get", f"https://localhost:{port}/loop", "-L", "--format", "json")
    assert loop.returncode == 3
    assert f"leads on once more, after {REDIRECTS} times" in loop.stderr
    assert len(document(loop)["redirects"]) == REDIRECTS


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("-H", "no header"), "header 'no header' is none"),
        (("-H", "a: b", "-H", "A: c"), "header A is given twice"),
        (("-H", "Host: other.test"), "header Host is the program's own"),
        (("-X", "G E T"), "method 'G E T' is no token"),
        (("--resolve", "localhost:443"), "expected HOST:PORT:ADDRESS"),
        (("--resolve", "localhost:443:nowhere"), "expected HOST:PORT:ADDRESS"),
    ],
)
def test_bad_words_end_in_one_line(folder: Path, words: tuple[str, ...], line: str) -> None:
    result = mecai(folder, "get", "https://localhost/", *words)
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert line in result.stderr


def test_a_body_that_is_not_there(folder: Path, tmp_path: Path) -> None:
    result = mecai(folder, "get", "https://localhost/", "-d", f"@{tmp_path / 'body'}")
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (3, "", 1)
