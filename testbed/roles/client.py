"""A client: programs that know nothing of vouchers, and mecai's own, which demands them."""

from testbed.roles.role import Role

# It ships with the vendor's directory, so the vendor's trust context is its own.
ROLE = Role(
    name="client",
    groups=("clients",),
    variables=lambda _plan, _host: {"voucher_client_settings": {"contexts": ["MOZ"]}},
)
