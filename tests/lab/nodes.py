"""Two nodes of one VAS on hosts of their own, and who asks both without a pause."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from mecai.protocol.objects.request import VoucherRequest
from testbed.machine.waiting import until
from tests.lab.asking import REQUEST_TYPE, VOUCHERS, ask, site_request
from tests.lab.conftest import Machine, chosen, issuers

SECONDS = 120  # a service that was killed is back after 5 s; a worker of the outbox looks every 5 s at least
ANSWERS = 10  # that are waited for before something happens, and after it
OF_THE_SECOND = "1"
ROOT = "/var/lib/mecai-ca-public/root.pem"
# Asks without a pause, each time by a connection of its own, one asker for each of the nodes named, until a file says
# that it is over; appends the status of each answer to a file, 0 for none.
LOAD = """
import base64, json, os, socket, ssl, sys, threading, urllib.error, urllib.request
root, url, request, kind, folder, nodes = json.loads(sys.argv[1])
context, at, resolve = ssl.create_default_context(cadata=root), threading.local(), socket.getaddrinfo
socket.getaddrinfo = lambda _, *options, **more: resolve(at.node, *options, **more)
answers = open(folder + "/answers", "a", buffering=1)

def ask(place, node):
    at.node = node
    while not os.path.exists(folder + "/over"):
        asked = urllib.request.Request(url, base64.b64decode(request), {"Content-Type": kind})
        try:
            with urllib.request.urlopen(asked, timeout=60, context=context) as answer:
                status = answer.status if answer.read() else 0
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0
        answers.write(f"{place} {status}\\n")

threads = [threading.Thread(target=ask, args=each) for each in enumerate(nodes)]
for each in threads: each.start()
for each in threads: each.join()
"""


@dataclass(frozen=True)
class Nodes:
    """Both hosts, the authority's own first, and a site that they vouch for."""

    first: Machine
    second: Machine
    site: Machine

    @property
    def both(self) -> tuple[Machine, Machine]:
        """Both hosts."""
        return self.first, self.second

    def ask(self, node: Machine, request: VoucherRequest) -> tuple[int, bytes]:
        """Ask one node as the site."""
        status, _, body = ask(self.site, self.first, VOUCHERS, request.encode(), at=node.told.node)
        return status, body


def two_nodes() -> Nodes:
    """Return the first that there are; skips a test where no VAS has a second node."""
    for second in chosen("vas_node"):
        first = next(found for found in chosen("authority") if found.name == second.told.authority)
        site = next(found for found in chosen("tls_server") if first not in issuers(found))
        return Nodes(first, second, site)
    pytest.skip("no VAS of this lab has a second node")


def wait_for(nodes: Nodes) -> None:
    """Wait until both say that they are ready."""
    until(lambda: all(is_ready(nodes, node) for node in nodes.both), SECONDS, lambda: "not both nodes are ready")


def is_ready(nodes: Nodes, node: Machine) -> bool:
    """Ask one node itself."""
    return ask(nodes.first, nodes.first, "/readyz", at=node.told.node)[0] == 200


@dataclass(frozen=True)
class Load:
    """What asks meanwhile."""

    site: Machine
    folder: str

    def answers(self, asker: str = "") -> list[int]:
        """Return the status of each answer so far: all, or those of an asker, named by its place."""
        lines = map(str.split, self.site.run(f"cat {self.folder}/answers").splitlines())
        return [int(status) for place, status in lines if asker in {"", place}]

    def wait(self) -> None:
        """Wait for some more answers to who asks the second node."""
        wanted = len(self.answers(OF_THE_SECOND)) + ANSWERS
        until(lambda: len(self.answers(OF_THE_SECOND)) >= wanted, SECONDS, lambda: "no answers come any more")


@contextmanager
def load_on(nodes: Nodes) -> Iterator[Load]:
    """Have the site ask both nodes; both have a voucher for it, so that an answer is quick."""
    request, root = site_request(nodes.site), nodes.first.shell.file(ROOT).content_string
    assert {nodes.ask(node, request)[0] for node in nodes.both} == {200}
    folder = nodes.site.run("mktemp --directory").strip()
    url = f"https://{nodes.first.told.vas}{VOUCHERS}"
    askers = [nodes.first.told.node, nodes.second.told.node]
    words = [root, url, base64.b64encode(request.encode()).decode(), REQUEST_TYPE, folder, askers]
    load = Load(nodes.site, folder)
    nodes.site.run(f"touch {folder}/answers")
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(nodes.site.run, "python3 -c %s %s", LOAD, json.dumps(words))
        try:
            load.wait()
            yield load
        finally:
            nodes.site.run(f"touch {folder}/over")
            asking.result(SECONDS)
    nodes.site.run(f"rm -r {folder}")
