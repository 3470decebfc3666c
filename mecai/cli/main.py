"""The `mecai` command: finds the verb, turns every `MecaiError` into one clear line and its exit code.

Exit codes: 0 good, 1 verdict negative, 2 usage or bad input, 3 environment.
"""

from importlib import import_module
from typing import NoReturn

import click

from mecai.cli.terminal import printable
from mecai.protocol.errors import MecaiError

# Each verb is `mecai/cli/<module>.py` with an attribute `command`; loaded only when asked for, so that one verb's
# libraries never slow another's start.
VERBS = {
    "ca": "run a certificate authority: roots, issuing, revocation",
    "client": "fetch over TLS and demand vouchers",
    "conformance-client": "answer the conformance suite's cases, line by line",
    "directory": "build, view and verify the signed directory of Voucher Authorities",
    "key": "make a key and a certificate signing request",
    "sidecar": "fetch vouchers and OCSP staples for a TLS server",
    "vas": "run a Voucher Authority Server",
    "voucher": "view, verify and request single vouchers",
}


class _LazyVerbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"mecai.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(sorted(VERBS.items()))


@click.group(cls=_LazyVerbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mecai", message="%(prog)s %(version)s")
def cli() -> None:
    """MECAI: certificate authorities act as notaries for each other."""


def main() -> NoReturn:
    """Run the command line; never shows a traceback for an error that has a name."""
    try:
        code = cli.main(standalone_mode=False, prog_name="mecai")
    except MecaiError as error:
        click.echo(f"mecai: {printable(str(error))}", err=True)
        if advice := error.diagnostics():
            click.echo(printable(advice), err=True)
        raise SystemExit(error.exit_code) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(2) from None
    except click.Abort:
        raise SystemExit(130) from None
    raise SystemExit(code if isinstance(code, int) else 0)
