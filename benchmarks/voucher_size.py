"""The size of a voucher for a chain of three certificates (root included), with its three OCSP responses."""

from typing import Final

from benchmarks.measure import Result, sized
from tests.pki import DAY, NOW, Issued, issue, rsa_key
from tests.scene import Scene

LIMIT_OCTETS: Final = 2200


def run() -> list[Result]:
    """Make vouchers and weigh them."""
    plain, delegated = Scene(), Scene(delegate=True)
    return [
        sized(
            "P-256, OCSP by the issuers", plain.voucher(plain.birch), LIMIT_OCTETS, f"limit of {LIMIT_OCTETS} octets"
        ),
        sized("P-256, OCSP by delegates", delegated.voucher(delegated.birch), None, "itself"),
        sized("authority with RSA 2048", plain.voucher(plain.birch, signer=_with_rsa(plain)), None, "itself"),
    ]


def _with_rsa(scene: Scene) -> Issued:
    """Return the authority's certificate for an RSA key."""
    span = (NOW - DAY, NOW + 364 * DAY)
    return issue("birch VA", rsa_key("VA"), scene.birch.root, scene.birch.voucher_extensions(), span=span)
