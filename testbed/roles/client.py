"""A client: programs that know nothing of vouchers, and mecai's own, which demands them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from testbed.model.plan import Plan
from testbed.model.topology import Host
from testbed.roles import publisher, tls_server
from testbed.roles.role import Check, Role

_AGE_HOURS: Final = 48  # of a voucher: twice the life that the lab's have
_LEADS = """\
seen=$(getent "$1" "$2" | cut -d" " -f1 | sort -u | xargs)
[ "$seen" = "$3" ] || { echo "$2 leads to ${seen:-nowhere}"; exit 1; }"""


def variables(plan: Plan, _host: Host) -> Mapping[str, Any]:
    """Return what Ansible is told: it ships with the vendor's directory, so the vendor's context is its own.

    Programs of other publishers find theirs beside it. Of the lab's sites it wants vouchers of the last days.
    """
    further, sites = publisher.contexts(plan.topology), list(_sites(plan))
    beside: dict[str, Any] = {"directory_consumer_contexts": further} if further else {}
    if sites:
        beside["voucher_client_domains"] = [{"domains": sites, "max_voucher_age_hours": _AGE_HOURS}]
    return {"voucher_client_settings": {"contexts": [publisher.VENDORS]}, **beside}


def promises(plan: Plan, host: Host) -> Iterator[Check]:
    """Yield the checks of a client: each site's name leads to all its addresses, and the site is accepted."""
    for site, addresses in _sites(plan).items():
        for database, led in zip(("ahostsv4", "ahostsv6"), (addresses[0::2], addresses[1::2]), strict=True):
            look, to = ["getent", database, site], " ".join(sorted(led))
            yield Check(f"is led to {to}", host.name, ["sh", "-c", _LEADS, "sh", *look[1:], to], look)
        yield Check(f"accepts {site} with its vouchers", host.name, ["mecai", "client", "get", f"https://{site}/"])


def _sites(plan: Plan) -> dict[str, list[str]]:
    """Return the addresses of each site, those of all servers that bear its name, IPv4 and IPv6 in turn."""
    sites: dict[str, list[str]] = {}
    for server in tls_server.sites(plan.topology):
        sites.setdefault(server.names[0], []).extend(plan.every_address(server.name))
    return sites


ROLE = Role(
    name="client",
    groups=("clients",),
    needs={"vendor": "signs the directory that it goes by"},
    variables=variables,
    promises=promises,
)
