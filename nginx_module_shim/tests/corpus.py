#!/usr/bin/env python3
"""What fuzzing found, as text: each line one input in hexadecimal digits, the shortest first.

    corpus.py unpack FILE.hex FOLDER     each input as a file, as libFuzzer wants them
    corpus.py pack FOLDER FILE.hex       the other way; inputs above 2100 octets stay out

`make fuzz` begins with them, `make corpus` writes them anew, and the native tests run each.
"""

import hashlib
import sys
from pathlib import Path

LARGEST_OCTETS = 2100  # as large as a voucher


def unpack(text: Path, folder: Path) -> None:
    """Write each line of a text as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    for line in text.read_text(encoding="ascii").split():
        content = bytes.fromhex(line)
        (folder / hashlib.sha1(content, usedforsecurity=False).hexdigest()).write_bytes(content)  # libFuzzer's names


def pack(folder: Path, text: Path) -> None:
    """Write the files of a folder as lines."""
    contents = {path.read_bytes() for path in folder.iterdir()}
    kept = sorted((content for content in contents if 0 < len(content) <= LARGEST_OCTETS), key=lambda c: (len(c), c))
    text.write_text("".join(f"{content.hex()}\n" for content in kept), encoding="ascii")


if __name__ == "__main__":
    {"unpack": unpack, "pack": pack}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
