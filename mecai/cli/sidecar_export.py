"""`mecai sidecar export`: vouchers, or an OCSP response, for a stock server, which has no module that staples."""

import subprocess
from pathlib import Path
from typing import Final

import click

from mecai.cli.arguments import FILE, config_option, now
from mecai.cli.sidecar_settings import as_owner
from mecai.errors import HostError, InputError
from mecai.protocol.limits import LIMITS
from mecai.service import durable
from mecai.sidecar.config import SidecarConfig, read_config
from mecai.sidecar.export import empty_server_info, make_export, make_staple
from mecai.sidecar.hooks import owed
from mecai.sidecar.kinds import kinds_of

HOOK_SECONDS: Final = 300.0
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
OLD_CLIENTS: Final = 20_000  # octets of a TLS 1.2 ServerHello that clients of OpenSSL 1.1 and 3.0 take


@click.command()
@config_option("/etc/mecai/sidecar.toml", "The sidecar's configuration.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["serverinfo", "ocsp"]),
    required=True,
    help="Vouchers, as OpenSSL's ServerInfoFile takes them; or the OCSP response (DER).",
)
@click.option("--certificate", "chain", type=FILE, help="Whose: a `chain` of the configuration, if it has several.")
@click.option("--out", type=FILE, required=True, help="Where to write it.")
@click.option(
    "--max-size",
    type=click.IntRange(512, LIMITS.staple_size),
    default=LIMITS.staple_size,
    show_default=True,
    help="Octets of the answer.",
)
@click.option(
    "--deploy-hook",
    help="A shell command that follows if the file has changed, or it failed last time: systemctl reload nginx.",
)
@click.option("--empty", is_flag=True, help="Write one without vouchers where there is none: to start a server with.")
def export(  # noqa: PLR0917 - its options
    config_path: Path, style: str, chain: Path | None, out: Path, max_size: int, deploy_hook: str | None, empty: bool
) -> None:
    """Write the good vouchers of one certificate, or its OCSP response, for a stock server; see docs/stock-servers.md.

    The former file stays where nothing is good (exit code 1). Run it by a timer, once an hour: a server goes on
    showing what it has read until it is reloaded.

    A server that was told of a file of vouchers does not start without it, and nobody vouches for one that does not
    run: write the first one with --empty.
    """
    if empty:
        if style == "ocsp":
            raise click.UsageError("--empty: an OCSP response is never empty")
        durable.create(out, empty_server_info(), durable.PUBLIC)
        click.echo(f"{out}: written; no vouchers yet")
        return
    config = read_config(config_path)
    with as_owner(config):  # root writes nothing where the sidecar's user works, and reads nothing of his for him
        made = _vouchers(config, chain, max_size) if style == "serverinfo" else _response(config, chain)
    if not deploy_hook:
        _write(out, *made)
        return
    with owed(out.with_name(f".{out.name}.owed")) as again:
        if _write(out, *made) or again:
            _run(deploy_hook)


def _vouchers(config: SidecarConfig, chain: Path | None, max_size: int) -> tuple[bytes, str]:
    """Return the file's content, and what it is; says what is left out."""
    made = make_export(config, kinds_of(config), chain, now(), max_size)
    for line in made.left_out:
        click.echo(f"left out: {line}", err=True)
    if made.size > OLD_CLIENTS:
        click.echo(f"{made.size} octets: older OpenSSL takes {OLD_CLIENTS} in TLS 1.2; see --max-size", err=True)
    said = f"{len(made.vouchers)} for {made.site}, {made.size} octets, all good until {made.until:{_TIME}}"
    return made.server_info(), said


def _response(config: SidecarConfig, chain: Path | None) -> tuple[bytes, str]:
    site, response, until = make_staple(config, kinds_of(config), chain, now())
    return response, f"OCSP response for {site}, good until {until:{_TIME}}"


def _write(out: Path, content: bytes, said: str) -> bool:
    """Write the file, and tell whether it has changed; raises `InputError` where something else is in its place."""
    if out.is_symlink() or (out.exists() and not out.is_file()):
        raise InputError(f"{out}: is no file, and would be replaced by one; name another")
    changed = durable.replace(out, content, durable.PUBLIC)
    click.echo(f"{out}: {'written' if changed else 'unchanged'}; {said}")
    return changed


def _run(hook: str) -> None:
    """Run the operator's own command; raises `HostError`."""
    try:
        done = subprocess.run(["/bin/sh", "-c", hook], timeout=HOOK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostError(f"--deploy-hook: {error}") from error
    if done.returncode != 0:
        raise HostError(f"--deploy-hook: ended with {done.returncode}; the file is written, the server not reloaded")
