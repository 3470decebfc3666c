"""Where the results go: `verify.json`, `verify.xml`, `verify.html`, and the evidence of each scenario beside them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mecai.errors import InputError
from testbed.machine.lab import Lab, write_file
from testbed.machine.limits import LIMITS
from testbed.report import document, junit, page, picture
from testbed.report.outcome import State, Verification
from testbed.report.page import Kept
from testbed.scenarios import evidence

_DOCUMENT: Final = "verify.json"
_EVIDENCE: Final = "evidence"
# Evidence that the page shows itself; what else there is, packets and keys, it links.
_TEXTS: Final = (".json", ".txt", ".log")
_KEYS: Final = "keys.log"


def prepare(folder: Path) -> None:
    """Make the folder, or empty one of an earlier verification; raises `InputError` for one with other things in it."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _DOCUMENT).is_file():
        raise InputError(f"{folder}: holds other things than a verification's results: name an empty or a new folder")
    shutil.rmtree(folder / _EVIDENCE, ignore_errors=True)
    write_file(folder / _DOCUMENT, "{}\n")


def write(folder: Path, lab: Lab, found: Verification) -> dict[str, object]:
    """Write all results; returns the document. Raises `OSError`: document and page are there whole or not at all."""
    kept = dict(_keep(folder, lab, found))
    result = document.of(found, {name: each.files for name, each in kept.items()})
    write_file(folder / _DOCUMENT, json.dumps(result, indent=2) + "\n")
    write_file(folder / "verify.xml", junit.of(result))
    write_file(folder / "verify.html", page.of(result, kept, picture.draw(found.plan)))
    return result


def _keep(folder: Path, lab: Lab, found: Verification) -> Iterator[tuple[str, Kept]]:
    """Copy the evidence of what was played, for the next run replaces it in the lab's files."""
    for trial in found.trials:
        name, source = trial.scenario.name, evidence.folder(lab, trial.scenario.name)
        if trial.state is State.LEFT_OUT or not source.is_dir():
            continue
        shutil.copytree(source, folder / _EVIDENCE / name, dirs_exist_ok=True)
        files = sorted(path for path in source.iterdir() if path.is_file())
        texts = {path.name: _read(path) for path in files if path.suffix in _TEXTS and path.name != _KEYS}
        yield name, Kept([path.name for path in files], texts)


def _read(path: Path) -> str:
    """Read the beginning of a text that may come from anywhere."""
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(LIMITS.evidence_characters + 1)
    return text if len(text) <= LIMITS.evidence_characters else f"{text[:-1]}\n[... the file has more]"
