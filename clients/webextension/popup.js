// Says what the proxy saw of the site of the active tab. All of it is put in as text.

import { inWords, isPort, proxyPort, verdictOf } from "./verdicts.js";

const element = (id) => document.getElementById(id);

function facts(verdict) {
  const rows = [
    ["Reason", verdict.reason && (verdict.rule ? `${verdict.reason} (rule ${verdict.rule})` : verdict.reason)],
    ["Seen", verdict.detail],
    ["Address", verdict.address],
    ["TLS", verdict.tls && `${verdict.tls.version}, ${verdict.tls.cipher}`],
    ["Asked", verdict.candidates.map((candidate) => candidate.name ?? candidate.authority).join(", ")],
    ["When", verdict.time],
  ];
  for (const voucher of verdict.vouchers) {
    rows.push([voucher.name, `vouches until ${voucher.nextUpdate}`]);
  }
  return rows.filter(([, value]) => value);
}

function show(verdict) {
  element("site").textContent = verdict.host;
  element("site").className = verdict.verdict;
  element("words").textContent = inWords(verdict);
  for (const [name, value] of facts(verdict)) {
    const term = document.createElement("dt");
    const text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    element("facts").append(term, text);
  }
}

function showNone(words) {
  element("site").textContent = "No verdict";
  element("words").textContent = words;
}

async function start() {
  element("port").value = await proxyPort();
  element("port").addEventListener("change", () => {
    const port = element("port").valueAsNumber;
    if (isPort(port)) chrome.storage.local.set({ port });
    else element("port").reportValidity();
  });
  const [tab] = await chrome.tabs.query({ active: true, lastFocusedWindow: true });
  try {
    const verdict = await verdictOf(tab?.url);
    if (verdict) show(verdict);
    else showNone("This is no site, or it was not met through the proxy.");
  } catch (error) {
    showNone(`No proxy answers: ${error.message}`);
  }
}

start();
