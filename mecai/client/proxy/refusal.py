"""The page that stands in the place of a site that was refused: in plain words, and with the report (rule M3).

Browsers take it for a page of that site, whose cookies and storage it could reach: so nothing of it runs, nothing is
loaded, and whatever a stranger said is text.
"""

import base64
import json
from html import escape
from http import HTTPStatus
from importlib.resources import files
from string import Template
from typing import Any, Final

from mecai.client.choices import ALWAYS, ASK, NEVER
from mecai.client.document import Document
from mecai.client.explain import expected, explain
from mecai.client.proxy.head import answer
from mecai.client.visit import Visit
from mecai.protocol.objects.authorities import Directory
from mecai.service.printable import printable

STATUS: Final = HTTPStatus.BAD_GATEWAY  # the proxy got no answer from a server that it believes
_HTML: Final = "text/html; charset=utf-8"
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_VOUCHERS: Final = "An independent authority had to vouch for this server (MECAI)."
_SENT: Final = {
    NEVER: "It is not sent unless you send it.",
    ASK: "It waits for your word: <code>mecai client reports send {name}</code> sends it, and nothing else does.",
    ALWAYS: "Your settings have it sent: <code>mecai client reports list</code> says to whom.",
}
_INTRANET: Final = "This name belongs to a private network, which your settings hold to its own authority."


def refusal(visit: Visit, directory: Directory) -> bytes:
    """Write the answer for a refused visit."""
    reason = visit.document["reason"] or "refused"
    fields = {"Content-Security-Policy": _POLICY, "Proxy-Status": _proxy_status(reason)}
    return answer(STATUS, _HTML, page(visit, directory).encode(), fields)


def _proxy_status(reason: str) -> str:
    """Say it for programs, too (RFC 9209)."""
    error = "destination_unavailable" if reason == "unreachable" else "tls_certificate_error"
    return f'mecai; error={error}; details="{reason}"'


def page(visit: Visit, directory: Directory) -> str:
    """Write the page itself."""
    document = visit.document
    reason, rule = document["reason"] or "refused", document["rule"]
    words = explain(reason)
    texts = {
        "host": document["host"],
        "meaning": words.meaning,
        "seen": document["detail"] or words.meaning,
        "expected": expected(rule, reason),
        "advice": words.advice,
        "reason": reason,
        "rule": f" (rule {rule})" if rule else "",
        "address": document["address"] or "nobody who could be judged",
        "time": document["time"],
        "policy": _INTRANET if document["policy"] == "intranet" else _VOUCHERS,
    }
    parts = {"asked": _asked(document), "report": _report(visit, directory)}
    template = Template(files(__package__).joinpath("refusal.html").read_text(encoding="utf-8"))
    return template.substitute({name: _text(text) for name, text in texts.items()} | parts)


def _asked(document: Document) -> str:
    names = ", ".join(_text(candidate["name"] or candidate["authority"]) for candidate in document["candidates"])
    return f"<dt>Who was asked to vouch</dt><dd>{names}</dd>\n" if names else ""


def _report(visit: Visit, directory: Directory) -> str:
    """Offer the report as a file, and say where it may be sent; or say why there is none."""
    if isinstance(visit.report, str):
        return ""
    name = f"report-{visit.document['host']}.json"
    octets = json.dumps(visit.report, indent=1).encode()
    servers = [url for each in visit.document["candidates"] if (url := _server(directory, each))]
    ways = "\n".join(f"curl --json @{name} {url}/v1/reports" for url in servers)
    return f"""<h2>Tell the authorities</h2>
<p>A report has the certificates that were shown, the server's address and port, the time and this verdict: nothing
of you, and no page's address. {_SENT[visit.reporting].format(name=_text(visit.report_name))}</p>
<p><a class="save" download="{_text(name)}" href="data:application/json;base64,{base64.b64encode(octets).decode()}">Save
the report</a></p>
<details><summary>What it says, and how it is sent</summary>
<pre>{_text(ways)}</pre>
<pre>{_text(_shortened(visit.report))}</pre></details>"""


def _server(directory: Directory, candidate: dict[str, Any]) -> str | None:
    authority = directory.find(bytes.fromhex(candidate["authority"]))
    return authority.servers[0].url.rstrip("/") if authority and authority.servers else None


def _shortened(report: dict[str, Any]) -> str:
    """Show the report with the middle of its certificates left out."""
    chain = [f"{each[:24]}...{each[-8:]}" for each in report["chain"]]
    return json.dumps({**report, "chain": chain}, indent=1)


def _text(text: str) -> str:
    """Make text of what may be anything."""
    return escape(printable(text))
