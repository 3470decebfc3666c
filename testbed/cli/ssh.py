"""`testbed ssh`: open an SSH session to a host."""

import click

from testbed.cli.options import lab_option, open_lab, topology_option
from testbed.machine import tools
from testbed.provision import access


@click.command(context_settings={"ignore_unknown_options": True})
@lab_option
@topology_option
@click.argument("host")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[SSH-ARGUMENTS]...")
def command(lab_id: str | None, topology: str | None, host: str, words: tuple[str, ...]) -> None:
    """Open an SSH session to a host; further words go to ssh."""
    tools.require_root()
    driver, plan = open_lab(lab_id, topology)
    plan.topology.host(host)
    # As the host runs now: the way in that the config has dates from the last `up`.
    proxy = f"ProxyCommand={access.proxy_command(driver.connection(host))}"
    tools.become(["ssh", "-F", driver.lab.ssh_config, "-o", proxy, host, *words])
