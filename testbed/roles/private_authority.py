"""A company's own certificate authority: root, issuing CA and OCSP responder, in no directory, vouching for nobody."""

from collections.abc import Iterator, Mapping
from typing import Any

from testbed.model.plan import Plan
from testbed.model.topology import Host, Topology
from testbed.roles.authority import RENEWAL
from testbed.roles.role import Check, Role, fetch

# Where its root goes on the control machine, beside which the lab keeps those of public authorities.
ROOTS = "{{ lab_private_roots }}"


def root_of(name: str) -> str:
    """Return the Ansible expression for an authority's root (PEM), empty in a first check, when there is none yet."""
    file = f"lab_private_roots ~ '/{name}.crt'"
    return f"{{{{ lookup('ansible.builtin.file', {file}, errors='ignore') | default('', true) }}}}"


def _faults(topology: Topology, host: Host) -> Iterator[str]:
    if not topology.home(host).private:
        yield f"hosts.{host.name}.zone: saw {host.zone}, which is not private; expected a zone with private: true"
    if not host.names:
        yield f"hosts.{host.name}.names: saw none; expected the name of its responder, for example [ocsp.corp.test]"


def _variables(plan: Plan, host: Host) -> Mapping[str, Any]:
    return {
        "certificate_authority_name": host.name,
        "certificate_authority_region": plan.topology.home(host).region,
        "certificate_authority_ocsp_url": f"http://{host.names[0]}",
        "certificate_authority_export": ROOTS,
        "certificate_authority_make_root": True,  # a lab begins with nothing, each time
        "ocsp_responder_host_name": host.names[0],
    }


def _promises(_plan: Plan, host: Host) -> Iterator[Check]:
    yield Check("the OCSP responder is ready", host.name, fetch(f"http://{host.names[0]}/readyz"))


ROLE = Role(
    name="private_authority",
    groups=("private_authorities",),
    variables=_variables,
    promises=_promises,
    faults=_faults,
    renewal=RENEWAL,
)
