"""A package index in a folder, made from a list of pins: each pinned release, and one that was published since.

The wheels hold nothing but metadata. Each asks for what the real package asks for (the list says so itself, in its
`# via` lines), and for an extra of it: that is what pytest-cov does with `coverage[toml]`, and what leads an old pip
away from the pin to the newest release.
"""

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

_PIN = re.compile(r"(?P<name>[a-z0-9.-]+)(\[[a-z0-9,-]+\])?==(?P<version>[^ ]+) ")
_NEWER = "99999"


@dataclass(frozen=True)
class Pin:
    """One pin of a list: the text of its block, and who asks for it."""

    name: str
    version: str
    block: str
    via: frozenset[str]

    def with_hash(self, digest: str) -> str:
        """Return the pin, with its extras and its marker, and this hash in place of its own."""
        return self.block.partition("\\")[0] + f"--hash=sha256:{digest}\n"


def read_pins(text: str) -> list[Pin]:
    """Read a list that pip-compile wrote."""
    return list(_pins(text))


def _pins(text: str) -> Iterator[Pin]:
    for block in re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]:
        found = _PIN.match(block)
        assert found, block
        via = re.findall(r"#(?: via)? +([a-z0-9-]+)$", block, flags=re.MULTILINE)
        yield Pin(found["name"], found["version"], block, frozenset(via))


class Index:
    """A simple index (packaging.python.org/specifications/simple-repository-api) in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = (folder / "simple").as_uri()

    def offer(self, text: str, real: Iterable[Path] = ()) -> str:
        """Offer all pins of the list `text`, some by their `real` wheels; returns it with the hashes of this index."""
        pins = read_pins(text)
        wheels = {wheel.name.split("-")[0]: wheel for wheel in real}
        return "".join(pin.with_hash(self._offer_pin(pin, pins, wheels.get(pin.name))) for pin in pins)

    def copy_wheels(self, folder: Path) -> None:
        """Put all wheels of this index, newer ones too, into one folder."""
        folder.mkdir(parents=True)
        for wheel in self._folder.glob("simple/*/*.whl"):
            shutil.copy(wheel, folder)

    def _offer_pin(self, pin: Pin, pins: list[Pin], real: Path | None) -> str:
        page = self._folder / "simple" / pin.name
        page.mkdir(parents=True, exist_ok=True)
        asked = [f"{other.name}[more]>={other.version}" for other in pins if pin.name in other.via]
        _write_wheel(page, pin.name, _NEWER, asked)
        pinned = Path(shutil.copy(real, page)) if real else _write_wheel(page, pin.name, pin.version, asked)
        links = "".join(f'<a href="{wheel.name}">{wheel.name}</a>\n' for wheel in sorted(page.glob("*.whl")))
        (page / "index.html").write_text(f"<!DOCTYPE html>\n{links}", encoding="utf-8")
        return hashlib.sha256(pinned.read_bytes()).hexdigest()


def _write_wheel(folder: Path, name: str, version: str, asked: list[str]) -> Path:
    stem = f"{name.replace('-', '_').replace('.', '_')}-{version}"
    about = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "Provides-Extra: more"]
    about += [f"Requires-Dist: {requirement}" for requirement in asked]
    files = {
        "METADATA": "\n".join(about) + "\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    wheel = folder / f"{stem}-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        for file, content in files.items():
            archive.writestr(f"{stem}.dist-info/{file}", content)
        archive.writestr(
            f"{stem}.dist-info/RECORD", "".join(f"{stem}.dist-info/{file},,\n" for file in (*files, "RECORD"))
        )
    return wheel
