"""Write `nginx_module_shim/tests/data`: samples for the C tests, seeds for the fuzzers, valid around `tests.pki.NOW`.

    python -m tests.integration.nginx_module.samples

Only needed where the format changes: the C tests take the time as an argument, so that samples do not age.
"""

from datetime import timedelta

from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.objects.voucher_info import Extension
from mecai.protocol.pki.identity import address_octets
from tests.integration.nginx_module.server import SHIM
from tests.scene import Scene, authority_entry

DATA = SHIM / "tests" / "data"


def main() -> None:
    """Write every sample anew."""
    scene = Scene()
    birch, cedar = (authority_entry(hierarchy).authority for hierarchy in (scene.birch, scene.cedar))
    first = scene.voucher(scene.birch)
    second = scene.voucher(
        scene.birch,
        serial_number=2,
        addresses=(address_octets("2001:db8::1"), address_octets("192.0.2.1")),
        trust_contexts=("CHROME-1", "MOZ"),
        extensions=(Extension("1.3.6.1.4.1.32473.9", critical=False, value=b"ignored"),),
    )
    hour = timedelta(hours=1)
    ahead = scene.voucher(scene.birch, this_update=scene.now + hour, next_update=scene.now + 2 * hour)
    choice = RequestExtension(2, (birch, cedar), contexts=("MOZ", "CHROME-1"), cached=(parse_voucher(first).hash,))
    samples = {
        "certificate.der": scene.site.der,
        "first.voucher": first,
        "second.voucher": second,
        "ahead.voucher": ahead,
        "cedar.voucher": scene.voucher(scene.cedar),
        "ocsp.der": scene.alder.ocsp(scene.site, delegate=True),
        "info.der": parse_voucher(second).info.encode(),
        "request.bin": choice.encode(),
        "name": f"{birch.hex()}-1.voucher".encode(),
        "long-name": f"{birch.hex()}-{'1' * 39}.voucher".encode(),  # one octet more than a name may have
    }
    for name, content in samples.items():
        (DATA / name).write_bytes(content)


if __name__ == "__main__":
    main()
