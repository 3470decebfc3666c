// Marks the action's icon of each tab with the verdict on its site.

import { inWords, verdictOf } from "./verdicts.js";

const MARKS = {
  accepted: { text: "✓", color: "#2e7d32" },
  warned: { text: "!", color: "#b26a00" },
  refused: { text: "✕", color: "#c62828" },
  none: { text: "", color: "#616161" },
};

async function mark(tabId, address) {
  let found = null;
  let title = "No verdict: not a site, or not met through the proxy";
  try {
    found = await verdictOf(address);
    if (found) title = `${found.host}\n${inWords(found)}`;
  } catch (error) {
    title = `No proxy answers: ${error.message}`;
  }
  const { text, color } = MARKS[found?.verdict ?? "none"];
  try {
    if ((await chrome.tabs.get(tabId)).url !== address) return; // the tab has gone on: this is no verdict on what it shows
    await chrome.action.setBadgeBackgroundColor({ tabId, color });
    await chrome.action.setBadgeText({ tabId, text });
    await chrome.action.setTitle({ tabId, title });
  } catch {
    // The tab was closed meanwhile.
  }
}

chrome.tabs.onUpdated.addListener((tabId, change, tab) => {
  if (change.status === "complete") mark(tabId, tab.url);
});

chrome.tabs.onActivated.addListener(async ({ tabId }) => {
  const tab = await chrome.tabs.get(tabId);
  mark(tabId, tab.url);
});
