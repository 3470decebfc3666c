"""The `testbed` command: finds the verb, turns every named error into one clear line and its exit code.

Exit codes: 0 good, 1 verdict negative, 2 usage or bad input, 3 environment.
"""

from importlib import import_module
from typing import NoReturn

import click

from mecai.protocol.errors import MecaiError

# Each verb is `testbed/cli/<verb>.py` with an attribute `command`, loaded only when asked for.
VERBS = {
    "check": "say whether this machine can run a lab, and what is missing",
    "demo": "show an accepted connection, an attack and its refusal",
    "down": "remove exactly what a lab made",
    "exec": "run a command on a host",
    "ssh": "open an SSH session to a host",
    "status": "show each host with its state and health",
    "up": "make a lab, or complete it",
}


class _LazyVerbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"testbed.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(sorted(VERBS.items()))


@click.group(cls=_LazyVerbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mecai", message="%(prog)s %(version)s")
def cli() -> None:
    """Run the lab of MECAI: real hosts on real networks, inside namespaces of this machine."""


def main() -> NoReturn:
    """Run the command line; never shows a traceback for an error that has a name."""
    try:
        code = cli.main(standalone_mode=False, prog_name="testbed")
    except MecaiError as error:
        click.echo(f"testbed: {error}", err=True)
        if advice := error.diagnostics():
            click.echo(advice, err=True)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        click.echo(f"testbed: {error}", err=True)
        raise SystemExit(3) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(2) from None
    except click.Abort:
        click.echo("testbed: interrupted; the same command continues, testbed down removes", err=True)
        raise SystemExit(130) from None
    raise SystemExit(code if isinstance(code, int) else 0)
