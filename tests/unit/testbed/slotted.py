"""A site with a slot, in memory: what operators turned, and what visitors wrote of their visits."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

Visit = dict[str, object]
NOW = 1000.5  # what the clock of the visitors' host says whenever it is asked


def visit(client: str, began: float = 2000, outcome: str = "accepted", reason: str = "") -> Visit:
    """Return what is written of a visit; who demands vouchers got two where he accepted."""
    vouchers = 2 * (client == "demanding" and outcome == "accepted")
    told = {"began": began, "seconds": 0.1, "outcome": outcome, "reason": reason, "vouchers": vouchers}
    return {"client": client, **told}


@dataclass
class Slotted:
    """What operators tried with slots, and each visit since the last was counted."""

    lacking: int = 1  # so many times a backup is turned before it has its vouchers
    turned: list[Sequence[str]] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=lambda: [visit("stock"), visit("demanding")] * 20)

    def turn(self, words: Sequence[str]) -> tuple[int, str]:
        """Answer `promote` and `failover`."""
        self.turned.append(words)
        if words[0] == "failover" and self.lacking:
            self.lacking -= 1
            return 1, "backup: stays where it is: 0 vouchers, 2 needed"
        return 0, f"{words[1]}: it is live"

    def visited(self, sign: str) -> str:
        """Answer the scripts of the witness: all visits, and while nothing is taken away the time, too."""
        lines = "".join(f"{json.dumps(each)}\n" for each in self.visits)
        return f"{lines}{NOW}\n" if "date" in sign else lines
