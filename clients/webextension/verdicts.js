// What the proxy on this machine says of a site. The only request that this extension makes goes to 127.0.0.1.

export const DEFAULT_PORT = 8143;
const PATIENCE = 3000; // milliseconds: the proxy is on this machine
const HTTPS_PORT = 443;

export async function proxyPort() {
  const { port } = await chrome.storage.local.get({ port: DEFAULT_PORT });
  return isPort(port) ? port : DEFAULT_PORT;
}

export function isPort(number) {
  return Number.isInteger(number) && number >= 1 && number <= 65535;
}

// Returns the proxy's newest verdict on the site of a tab's address; null: it has none, or the address is no site's.
// Throws where no proxy answers.
export async function verdictOf(address) {
  const site = siteOf(address);
  if (site === null) return null;
  const answer = await fetch(`http://127.0.0.1:${await proxyPort()}/verdicts`, {
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (!answer.ok) throw new Error(`the proxy answered ${answer.status}`);
  const { verdicts } = await answer.json();
  return verdicts.find((each) => each.host === site.host && each.port === site.port) ?? null;
}

function siteOf(address) {
  if (!URL.canParse(address ?? "")) return null;
  const url = new URL(address);
  if (url.protocol !== "https:") return null;
  return { host: url.hostname.replace(/\.$/, ""), port: Number(url.port) || HTTPS_PORT };
}

// In a person's words, one line.
export function inWords(verdict) {
  if (verdict.verdict === "refused") return `Refused: ${verdict.reason}`;
  if (verdict.verdict === "warned") return `Not vouched for, and let through: ${verdict.reason}`;
  if (verdict.policy === "intranet") return "Accepted: a site of your private network, held to its own authority";
  const names = verdict.vouchers.map((voucher) => voucher.name).join(", ");
  return `Accepted: vouched for by ${names}${verdict.resumed ? ` (resumed, verdict of ${verdict.resumed})` : ""}`;
}
