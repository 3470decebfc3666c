"""`python -m tests.fuzz.one TARGET [OPTION...] [FILE or FOLDER...]`: fuzz one target in this process, with atheris.

With a FILE it runs the target once on its octets: so a finding is looked at again. Options are those of libFuzzer.
"""

import sys
import warnings

import atheris

with atheris.instrument_imports(include=["mecai"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until an option ends it, or something is found."""
    target = TARGETS[sys.argv.pop(1)]
    warnings.simplefilter("ignore")  # the library warns of oddities that it lets pass
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
