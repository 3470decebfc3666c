"""`python -m benchmarks [--results FOLDER] [NAME...]`: measure, write `benchmarks/results/NAME.json`, show one table.

Exit codes: 0 all that is required is reached, 1 something is not, 2 usage.
"""

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Result, machine

NAMES: Final = ("voucher_verification", "codecs", "voucher_size", "ca_publication")
WITH_SERVERS: Final = (  # root and servers
    "voucher_issuance",
    "voucher_log",
    "nginx_module",
    "nginx_module_start",
    "first_flight",
    "client_handshake",
    "sidecar_refresh",
)
_WIDTH: Final = 120  # columns: nothing is cut off where the terminal has fewer
_TITLE: Final = "make bench: typical ± spread (standard error)"
RESULTS: Final = Path(__file__).parent / "results"


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks, or all; return the exit code."""
    there = (*NAMES, *WITH_SERVERS)
    parser = ArgumentParser("benchmarks", description=f"Benchmarks: {', '.join(there)}.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="all, if none is named")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in there]:
        parser.error(f"no benchmark {unknown[0]!r}; there are: {', '.join(there)}")
    where = machine()
    table = Table("benchmark", "value", "ratio", "typical", "against", "runs", "required", title="make bench")
    good = True
    for name in asked.names or there:
        results = import_module(f"benchmarks.{name}").run()
        write(asked.results, name, where, results)
        for result in results:
            table.add_row(*_row(result))
            good &= result.good
        table.add_section()
    Console(width=_WIDTH).print(table)
    load = f"{where['load']} to {os.getloadavg()[0]:.2f}"
    print(f"load {load} on {where['cores']} cores, Python {where['python']}, {where['openssl']}")
    return 0 if good else 1


def write(folder: Path, name: str, where: dict[str, object], results: Sequence[Result]) -> None:
    """Write the results of one benchmark for programs."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"machine": where, "results": [asdict(result) for result in results]}
    (folder / f"{name}.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _row(result: Result) -> tuple[str, ...]:
    colour = "green" if result.good else "red"
    required = f"[{colour}]{result.required:g}[/]" if result.required is not None else ""
    typical = f"{result.typical:.3f} ± {result.spread:.3f} ({result.error:.3f})"
    value = f"{result.value:g} {result.unit}"
    return result.name, value, f"{result.ratio:.3f}", typical, result.against, str(result.runs), required


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
