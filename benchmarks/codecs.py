"""The encoders and decoders of what travels, each against the limit of 50 microseconds."""

from typing import Final

from benchmarks.measure import Result, limited
from mecai.protocol.codec.tls_answer import decode_vouchers, encode_vouchers
from mecai.protocol.codec.tls_request import RequestExtension
from mecai.protocol.objects.request import VoucherRequest
from mecai.protocol.objects.voucher import parse_voucher
from mecai.protocol.objects.voucher_info import VoucherInfo
from tests.scene import ADDRESS, HOST, Scene

LIMIT_MICROSECONDS: Final = 50.0
SCENE = Scene()


def run() -> list[Result]:
    """Measure each codec both ways: one voucher's content, a choice of three authorities, two vouchers, a request."""
    vouchers = [SCENE.voucher(va) for va in (SCENE.birch, SCENE.cedar)]
    info = parse_voucher(vouchers[0]).info
    choice = RequestExtension(1, SCENE.policy.candidates, ("MOZ",), (bytes(32),))
    request = VoucherRequest(SCENE.site.der, SCENE.site.chain_der[1:], (ADDRESS,), 443, HOST)
    encoded, chosen, answer, asked = info.encode(), choice.encode(), encode_vouchers(vouchers), request.encode()
    work = {
        "VoucherInfo encode": info.encode,
        "VoucherInfo decode": lambda: VoucherInfo.decode(encoded),
        "voucher_request encode": choice.encode,
        "voucher_request decode": lambda: RequestExtension.decode(chosen),
        "voucher encode, two vouchers": lambda: encode_vouchers(vouchers),
        "voucher decode, two vouchers": lambda: decode_vouchers(answer),
        "VoucherRequest encode": request.encode,
        "VoucherRequest decode": lambda: VoucherRequest.decode(asked),
    }
    return [limited(name, each, LIMIT_MICROSECONDS) for name, each in work.items()]
