"""The limits that the module shares with the Python side are the same numbers: a C program prints the headers'."""

import subprocess
from pathlib import Path
from typing import Final

from mecai.protocol.limits import LIMITS
from tests.integration.nginx_module.server import SHIM
from tests.patience import SECONDS

SHARED: Final = {
    "MECAI_VOUCHER_SIZE_MAX": LIMITS.voucher_size,
    "MECAI_OCSP_SIZE_MAX": LIMITS.ocsp_staple_size,
    "MECAI_RSA_BITS_MIN": LIMITS.rsa_bits[0],
    "MECAI_RSA_BITS_MAX": LIMITS.rsa_bits[1],
    "MECAI_RSA_EXPONENT_BITS": LIMITS.rsa_read_bits[1],
    "MECAI_CLOCK_SKEW_SECONDS": int(LIMITS.clock_skew.total_seconds()),
    "MECAI_INTERMEDIATES_MAX": LIMITS.intermediates,
    "MECAI_ADDRESSES_MAX": LIMITS.addresses,
    "MECAI_TRUST_CONTEXTS_MAX": LIMITS.contexts,
    "MECAI_CONTEXT_SIZE": LIMITS.context_length,
    "MECAI_EXTENSIONS_MAX": LIMITS.extensions,
    "MECAI_PERSPECTIVES_MAX": LIMITS.perspectives,
    "MECAI_SERIAL_BITS": LIMITS.serial_bits,
    "MECAI_CANDIDATES_MAX": LIMITS.candidates,
    "MECAI_CONTEXTS_SIZE": LIMITS.choice_contexts_size,
    "MECAI_CACHED_MAX": LIMITS.cached_vouchers,
    "MECAI_ANSWER_MAX": LIMITS.staple_size,
}


def test_limits_are_those_of_the_protocol(tmp_path: Path) -> None:
    prints = "".join(f'printf("{name} %d\\n", {name});' for name in SHARED)
    source = f"#include <stdio.h>\n#include <mecai_voucher_item.h>\nint main(void) {{ {prints} return 0; }}\n"
    program = tmp_path / "limits"
    compiler = ["cc", "-x", "c", "-I", SHIM / "src", "-o", program, "-"]
    subprocess.run(compiler, input=source.encode(), check=True, timeout=60)
    said = subprocess.run([program], capture_output=True, check=True, timeout=SECONDS).stdout.decode()
    assert dict(line.split() for line in said.splitlines()) == {name: str(value) for name, value in SHARED.items()}
