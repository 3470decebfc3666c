"""`testbed impair`: let a link suffer."""

import click

from mecai.errors import InputError
from testbed.cli.options import lab_option, open_lab, topology_option
from testbed.machine import tools
from testbed.model import impairment
from testbed.model.topology import Topology


@click.command()
@lab_option
@topology_option
@click.argument("link")
@click.option("--host", metavar="HOST", help="Only this host's cable, not all of the zone.")
@click.option("--delay", metavar="TIME", help="Delay in each direction, such as 20ms.")
@click.option("--loss", metavar="SHARE", help="Share of packets that are lost, such as 0.5%.")
@click.option("--rate", metavar="RATE", help="The most that passes, such as 500kbit or 10mbit.")
@click.option("--down", is_flag=True, help="Cut it.")
@click.option("--clear", is_flag=True, help="Let it be whole again.")
def command(
    lab_id: str | None, topology: str | None, link: str, host: str | None, clear: bool, **words: str | bool | None
) -> None:
    """Impair the zone LINK in place of how it is: what is not named is as in a whole link."""
    tools.require_root()
    driver, plan = open_lab(lab_id, topology)
    _check(plan.topology, link, host)
    wanted = impairment.read(words)
    if clear == (wanted != impairment.Impairment()):
        raise InputError("impair: expected either --clear or some of --delay, --loss, --rate and --down")
    count = driver.impair(plan, link, host, wanted)
    click.echo(f"{link}: {count} cable{'' if count == 1 else 's'}, impaired: {wanted}")


def _check(topology: Topology, link: str, host: str | None) -> None:
    zones = [zone.name for zone in topology.zones]
    if link not in zones:
        raise InputError(f"no link {link!r} in topology {topology.name!r}: use one of {', '.join(zones)}")
    if host and link not in topology.host(host).links:
        known = ", ".join(one.name for one in topology.linked(link))
        raise InputError(f"host {host} has no cable in {link}: use one of {known}")
