"""The browser's extension (clients/webextension), by Node.js with a played browser: what a race may not make it say."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.patience import SECONDS

FOLDER = Path(__file__).resolve().parents[2] / "clients" / "webextension"
MARK = """
const said = [];
let updated;
globalThis.chrome = {
  storage: {local: {get: async () => ({port: %(port)s})}},
  tabs: {
    onUpdated: {addListener: (listener) => (updated = listener)},
    onActivated: {addListener: () => {}},
    get: async () => ({url: %(shown)s}),
  },
  action: {
    setBadgeBackgroundColor: async () => {},
    setBadgeText: async ({text}) => said.push(text),
    setTitle: async () => {},
  },
};
globalThis.fetch = async (address) => {
  said.push(address);
  const verdict = {host: 'a.test', port: 443, verdict: 'accepted', policy: 'vouchers', vouchers: []};
  return {ok: true, json: async () => ({verdicts: [verdict]})};
};
await import(%(module)s);
updated(1, {status: 'complete'}, {url: 'https://a.test/'});
await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
console.log(JSON.stringify(said));
"""


def said(*, shown: str = "https://a.test/", port: str = "8143") -> list[str]:
    """Return whom it asked and which mark it made, of a tab that has loaded a.test and shows something by now."""
    facts = {"port": port, "shown": json.dumps(shown), "module": json.dumps(str(FOLDER / "background.js"))}
    command = ["node", "--experimental-default-type=module", "--input-type=module", "--eval", MARK % facts]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    words: list[str] = json.loads(done.stdout)
    return words


def test_a_verdict_is_no_mark_of_the_page_that_came_after() -> None:
    assert said()[1:] == ["✓"]
    assert said(shown="https://b.test/")[1:] == []


@pytest.mark.parametrize(
    ("port", "asked"), [("8144", 8144), ("null", 8143), ("'8144@b.test/'", 8143), ("NaN", 8143), ("70000", 8143)]
)
def test_it_asks_this_machine_alone(port: str, asked: int) -> None:
    assert said(port=port)[0] == f"http://127.0.0.1:{asked}/verdicts"
