"""The specification as an Internet-Draft, rendered by xml2rfc as `make draft` does: nothing that idnits would find."""

import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAME = "draft-mecai-protocol-00"
SECONDS = 300
nits: Callable[[str], Iterator[str]] = runpy.run_path(str(ROOT / "scripts" / "draft-nits"))["nits"]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Render the draft in an environment of its own."""
    folder = tmp_path_factory.mktemp("draft")
    venv, source = folder / "venv", folder / f"{NAME}.xml"
    install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "-r",
        ROOT / "requirements/draft.txt",
    ]
    for command in (
        [sys.executable, "-m", "venv", venv],
        [venv / "bin" / "python", *install],
        [sys.executable, ROOT / "scripts" / "draft", source],
        [venv / "bin" / "xml2rfc", "--no-network", "--quiet", "--text", source],
    ):
        subprocess.run(command, check=True, timeout=SECONDS)
    return source.with_suffix(".txt").read_text(encoding="utf-8")


def test_it_has_no_nits(text: str) -> None:
    assert list(nits(text)) == []


FAULTS = {
    "a long line": (lambda text: text.replace("   *  *K1*", f"   {'x' * 70}\n   *  *K1*", 1), "73 columns"),
    "another script": (lambda text: text.replace("voucher", "v\u00f6ucher", 1), "not ASCII"),
    "no boilerplate": (lambda text: text.replace("BCP 79", "BCP 78", 1), "boilerplate is missing"),
    "key words of one's own": (lambda text: text.replace("when, and only when", "when", 1), "boilerplate is missing"),
    "no section": (lambda text: text.replace("Security considerations\n", "Caveats\n"), "section is missing: Security"),
    "a reference to nothing": (lambda text: text.replace("[RFC5280]", "[RFC2459]", 1), "not defined: [RFC2459]"),
    "an idle reference": (
        lambda text: text.replace("   [RFC5280]  ", "   [RFC1]  one\n   [RFC5280]  ", 1),
        "not used: [RFC1]",
    ),
    "a year": (lambda text: text.replace("Expires: ", "Expires: 1 January 2099 ", 1), "six months"),
}


@pytest.mark.parametrize(("change", "nit"), FAULTS.values(), ids=FAULTS.keys())
def test_each_nit_is_found(change: Callable[[str], str], nit: str, text: str) -> None:
    assert change(text) != text
    assert nit in "\n".join(nits(change(text)))
