"""`mecai client`: fetch a page, or only shake hands, and say who vouched for the server; or do so for a browser.

Exit codes: 0 accepted (or no more than warned of), 1 refused, by the rules or by ordinary TLS, 2 usage, 3 nothing
answered or no page came. Both formats show one document, so that they say the same. SSLKEYLOGFILE, as in browsers and
curl, names a file for the secrets of the handshakes, with which Wireshark reads a capture.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from mecai.cli.arguments import FILE, Seconds, with_format
from mecai.cli.program import later
from mecai.client.choices import DEFAULT_CONFIG, MODES, PROFILES

Command = TypeVar("Command", bound=Callable[..., object])

_fetch = later("mecai.cli.fetching:fetch")
_wish = later("mecai.cli.wishes:read_wish")
_test_policy = later("mecai.cli.client_policy:test_policy")
_shake_hands = later("mecai.cli.fetching:shake_hands")
_serve = later("mecai.cli.proxying:serve")
_watch = later("mecai.cli.watching:watch")
_list_reports = later("mecai.cli.client_reports:list_reports")
_send_reports = later("mecai.cli.client_reports:send_reports")
_drop_reports = later("mecai.cli.client_reports:drop_reports")
_PROXY_PORT: Final = 8143


@click.group()
def command() -> None:
    """Fetch over TLS and demand vouchers."""


def _policy_options(function: Command) -> Command:
    """Add what every verb takes."""
    for option in (
        click.option("--config", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True),
        click.option("--mode", type=click.Choice(MODES), help="Instead of the configuration's."),
        click.option("--profile", type=click.Choice(list(PROFILES)), help="Instead of the configuration's."),
    ):
        function = option(function)
    return function


def _options(function: Command) -> Command:
    """Add what a verb of one connection takes."""
    for option in (
        _policy_options,
        click.option("--timeout", type=Seconds(1, 600), default=30, show_default=True, help="Seconds in all."),
        click.option("--direct", is_flag=True, help="Ask authorities oneself where the server sends no voucher."),
        click.option("--audit", is_flag=True, help="Afterwards ask one authority that was no candidate."),
        click.option("--report", type=FILE, help="Write what was shown, as a VA takes it (POST /v1/reports)."),
        with_format,
    ):
        function = option(function)
    return function


@command.command("get")
@click.argument("url")
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME: VALUE", help="A field more; repeatable.")
@click.option("-X", "--request", "method", metavar="METHOD", help="Instead of GET, or of POST where there is --data.")
@click.option("-d", "--data", metavar="TEXT", help="Send TEXT as it stands; @FILE: what that file holds.")
@click.option("-o", "--output", type=FILE, help="Keep the page in this file.")
@click.option("-L", "--location", is_flag=True, help="Follow redirects, each under the same policy.")
@click.option(
    "--resolve",
    multiple=True,
    metavar="HOST:PORT:ADDRESS",
    help="Where HOST is at PORT, whatever DNS says; repeatable.",
)
@_options
def get_page(url: str, **options: Any) -> int:  # noqa: ANN401 - those above
    """Fetch URL, say who vouched for its server, and print the page."""
    names = ("headers", "method", "data", "output", "location", "resolve")
    return int(_fetch(url, _wish(**{name: options.pop(name) for name in names}), started=_started(), **options))


@command.command("check")
@click.argument("host", metavar="HOST[:PORT]")
@click.option(
    "--starttls", type=click.Choice(["imap", "pop3", "smtp"]),
    help="Begin in the clear, as this protocol does; without PORT at 143, 110 or 25.",
)  # fmt: skip
@_options
def check(host: str, **options: Any) -> int:  # noqa: ANN401 - those of _options
    """Shake hands with HOST and say who vouched for it; send nothing over TLS."""
    return int(_shake_hands(host, started=_started(), **options))


@command.command("watch")
@click.argument("hosts", metavar="HOST[:PORT]...", nargs=-1, required=True)
@click.option("--every", type=Seconds(1, 86_400), default=60, show_default=True, help="Seconds.")
@click.option("--count", type=click.IntRange(1), help="End after so many rounds; else with SIGINT or SIGTERM.")
@click.option("--timeout", type=Seconds(1, 600), default=20, show_default=True, help="Seconds for each site.")
@_policy_options
@with_format
def watch(**options: Any) -> int:  # noqa: ANN401 - those above
    """Shake hands with the hosts again and again, and say who vouches for each, and what has changed.

    On a terminal a table that refreshes; JSON is a line for each visit. Exit code 1 if the last round refused any.
    """
    return int(_watch(**options))


@command.group("policy")
def policy() -> None:
    """Look at a client's settings."""


@policy.command("test")
@click.argument("file", type=FILE)
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@with_format
def test_policy(**options: Any) -> int:  # noqa: ANN401 - those above
    """Say what the settings in FILE (a client.toml) demand of each HOST, and by which tables.

    Opens nothing that FILE names. Wrong settings are one line, and exit code 2.
    """
    return int(_test_policy(**options))


@command.group("reports")
def reports() -> None:
    """See, send and forget reports of refusals that wait on this machine (`reporting` in client.toml)."""


_with_config: Final = click.option(
    "--config", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True
)


@reports.command("list")
@_with_config
@with_format
def list_reports(**options: Any) -> int:  # noqa: ANN401 - those above
    """List the reports of the last 48 hours, and what each authority made of them."""
    return int(_list_reports(**options))


@reports.command("send")
@click.argument("names", metavar="[REPORT]...", nargs=-1)
@_with_config
@click.option("--timeout", type=Seconds(1, 600), default=60, show_default=True, help="Seconds in all.")
def send_reports(**options: Any) -> int:  # noqa: ANN401 - those above
    """Send each REPORT now; without one, all that need nobody's word.

    Exit code 3 if an authority did not take one.
    """
    return int(_send_reports(**options))


@reports.command("drop")
@click.argument("names", metavar="REPORT...", nargs=-1, required=True)
@_with_config
def drop_reports(**options: Any) -> int:  # noqa: ANN401 - those above
    """Forget each REPORT; who was told of it already knows it."""
    return int(_drop_reports(**options))


@command.command("proxy")
@click.option("--port", type=click.IntRange(0, 65535), default=_PROXY_PORT, show_default=True, help="0: a free one.")
@click.option(
    "--to-port",
    type=click.IntRange(1, 65535),
    multiple=True,
    help="A port besides 443 that sites may have; repeatable.",
)
@click.option(
    "--domain", multiple=True,
    help="With the first start: bind the proxy's authority to names below DOMAIN, for good; repeatable.",
)  # fmt: skip
@_policy_options
def proxy(**options: Any) -> int:  # noqa: ANN401 - those above
    """Serve a browser on 127.0.0.1: it meets vouched servers alone, and a page explains each refusal.

    An authority of this machine's own is made at the first start, which that browser has to trust (docs/browser.md).
    Exit code 0 when it is ended.
    """
    return int(_serve(**options))


def _started() -> float:
    """Return when the program started: its timeout is over all, what it takes to load itself included."""
    return click.get_current_context().obj or time.monotonic()
