"""`python -m tests.conformance.plain`: answers the cases of the suite, line by line."""

import json
import sys

from tests.conformance.plain.client import answer


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        case = json.loads(line)
        sys.stdout.write(json.dumps({"id": case["id"], **answer(case["kind"], case["input"])}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
