"""A client: programs that know nothing of vouchers, and mecai's own, which demands them."""

from collections.abc import Iterator

from testbed.model.plan import Plan
from testbed.model.topology import Host
from testbed.roles.role import Check, Role

_LEADS = """\
seen=$(getent "$1" "$2" | cut -d" " -f1 | sort -u | xargs)
[ "$seen" = "$3" ] || { echo "$2 leads to ${seen:-nowhere}"; exit 1; }"""


def _promises(plan: Plan, host: Host) -> Iterator[Check]:
    for server in plan.topology.of_role("tls_server"):
        site = server.names[0]
        for database, address in zip(("ahostsv4", "ahostsv6"), plan.addresses(server.name), strict=True):
            look = ["getent", database, site]
            yield Check(f"is led to {address}", host.name, ["sh", "-c", _LEADS, "sh", *look[1:], address], look)
        yield Check(f"accepts {site} with its vouchers", host.name, ["mecai", "client", "get", f"https://{site}/"])


# It ships with the vendor's directory, so the vendor's trust context is its own.
ROLE = Role(
    name="client",
    groups=("clients",),
    needs={"vendor": "signs the directory that it goes by"},
    variables=lambda _plan, _host: {"voucher_client_settings": {"contexts": ["MOZ"]}},
    promises=_promises,
)
