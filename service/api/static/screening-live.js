// Follows a batch: its numbers as they change, its buttons when its state does, its people every few seconds.
import { load, replace } from "./screening-parts.js";

const PEOPLE_SECONDS = 5;
const head = document.getElementById("head"), address = head.dataset.url;
const isGoing = () => ["running", "importing", "paused"].includes(document.getElementById("live").dataset.state);
const isBusy = () => document.querySelector("#people details[open], #people :is(input, select):focus");
let current = Promise.resolve(), asked = 0, shownAt = performance.now();

const renewPeople = async () => {
  if (isBusy()) return;
  shownAt = performance.now();
  const found = await load(location.href);
  const focused = document.activeElement.closest("#people a")?.getAttribute("href");
  replace(found, "people");
  if (focused) document.querySelector(`#people a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
};

const renew = async isLast => {
  const { state, round } = document.getElementById("live").dataset;
  const found = await load(`${address}/head`);
  replace(found, "live");
  const now = document.getElementById("live").dataset;
  if (isLast || now.state !== state || now.round !== round) replace(found, "controls");
  if (isLast || performance.now() - shownAt > 1000 * PEOPLE_SECONDS) await renewPeople();
};

// One after the other; of those that come meanwhile only one is needed, but never not the last.
const ask = isLast => {
  if (asked && !isLast) return;
  asked += 1;
  current = current.then(() => renew(isLast)).catch(() => { /* the next event */ }).then(() => { asked -= 1; });
};

if (isGoing()) {
  const events = new EventSource(`${address}/events`);
  events.addEventListener("progress", () => ask(false));
  for (const name of ["finished", "cancelled"]) {
    events.addEventListener(name, () => { events.close(); setTimeout(() => ask(true), 100); });
  }
  events.addEventListener("problem", () => events.close());
}
