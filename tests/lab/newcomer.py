"""A certificate that no VAS has seen, which a site's nginx shows beside its own for a while."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.pki.identity import address_octets
from tests.lab.conftest import Machine, chosen

SITE = (
    "server {{ listen 443 ssl; listen [::]:443 ssl; server_name {name};"
    " ssl_certificate {home}/chain.pem; ssl_certificate_key {home}/key.pem; }}"
)


@contextmanager
def newcomer(site: Machine) -> Iterator[tuple[str, VoucherRequest]]:
    """Give the name, in the domain of the site, and what the site asks for it at its own addresses."""
    name, home = f"new-{secrets.token_hex(4)}.{site.told.site.partition('.')[2]}", "/root/new-site"
    issuer = next(found for found in chosen("authority") if found.name == site.told.issuer)
    make = f"mecai key create --key {home}/key.pem --csr {home}/csr.pem --name {name} --dns {name}"
    csr = site.run(f"mkdir -m 700 {home} && {make} >{home}/said && cat {home}/csr.pem")
    issue = "mecai ca issue --config /etc/mecai/ca.toml --profile server --days 1 --csr - --out -"
    chain = issuer.run(f"printf '%%s\\n' %s | runuser -u mecai-ca -- {issue} --dns {name}", csr)
    write = f"printf '%%s\\n' %s >{home}/chain.pem; printf '%%s\\n' %s >/etc/nginx/conf.d/new-site.conf"
    site.run(f"{write}; nginx -s reload", chain, SITE.format(name=name, home=home))
    end_entity, *others = (one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(chain.encode()))
    addresses = tuple(map(address_octets, site.told.addresses))
    yield name, VoucherRequest(end_entity, tuple(others), addresses, 443)
    site.run(f"rm -r {home} /etc/nginx/conf.d/new-site.conf; nginx -s reload")
