// Feedback: shown as it is produced, and then the words of the answer that speak for each criterion.
import * as drafts from "./practice-draft.js";
import { showLocalTimes } from "./practice-time.js";

const page = document.getElementById("feedback");
let held = "";

const light = places => {
  const wanted = new Set(places);
  const pieces = [...document.querySelectorAll("#answer .ev")];
  for (const one of pieces) one.classList.toggle("lit", one.dataset.places.split(" ").some(place => wanted.has(place)));
  for (const one of document.querySelectorAll("#rows .row-button")) one.classList.toggle("lit", wanted.has(one.dataset.place));
  document.getElementById("answer").classList.toggle("dimmed", pieces.some(one => one.classList.contains("lit")));
};
const rest = () => light(held ? held.split(" ") : []);
const placesOf = element => element?.dataset.places ?? element?.dataset.place;
const find = event => event.target.closest?.("#answer .ev, #rows button.row-button");
const press = () => {
  for (const one of document.querySelectorAll("#answer .ev[role], #rows button.row-button")) one.setAttribute("aria-pressed", String(placesOf(one) === held));
};
const toggle = element => { held = held === placesOf(element) ? "" : placesOf(element); press(); rest(); };

for (const name of ["mouseover", "focusin"]) page.addEventListener(name, event => { const one = find(event); if (one) light(placesOf(one).split(" ")); });
for (const name of ["mouseout", "focusout"]) page.addEventListener(name, event => { if (find(event)) rest(); });
page.addEventListener("click", event => { const one = find(event); if (one) toggle(one); });
page.addEventListener("keydown", event => {
  if (event.key === "Escape" && held) { held = ""; press(); rest(); }
  const one = event.target.closest("#answer .ev[role]");
  if (one && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); toggle(one); }
});

const read = html => new DOMParser().parseFromString(html, "text/html");
const forget = () => {
  const draft = drafts.read(page.dataset.draft), answer = document.getElementById("answer").cloneNode(true);
  for (const one of answer.querySelectorAll(".unseen")) one.remove();
  if (draft && drafts.same(draft.text, answer.textContent)) drafts.forget(page.dataset.draft);
};

// The finished page, part by part: what was shown already stays where it is.
const finish = async () => {
  const response = await fetch(page.dataset.url, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(String(response.status));
  const fresh = read(await response.text());
  showLocalTimes(fresh);
  for (const id of ["verdict", "answer", "rows", "rest"]) {
    const old = document.getElementById(id), now = fresh.getElementById(id);
    if (!old.isEqualNode(now)) old.replaceChildren(...now.childNodes);
  }
  page.dataset.state = fresh.getElementById("feedback").dataset.state;
  if (page.dataset.state === "done") forget();
};
const finishSurely = () => finish().catch(() => setTimeout(finishSurely, 1500));

const follow = () => {
  const events = new EventSource(`${page.dataset.url}/events`);
  const working = document.getElementById("working"), says = document.getElementById("working-says"), calm = says.textContent;
  events.addEventListener("step", event => { working.textContent = JSON.parse(event.data).says.replace(/\.$/, ""); says.textContent = calm; });
  events.addEventListener("criterion", event => {
    const { place, row, answer } = JSON.parse(event.data);
    document.querySelector(`#rows [data-row="${place}"]`)?.replaceChildren(...read(row).body.childNodes);
    document.getElementById("answer").replaceChildren(...read(answer).body.childNodes);
    rest();
  });
  events.addEventListener("interrupted", () => { events.close(); wait(); setTimeout(follow, 2000); });
  for (const name of ["done", "failed"]) events.addEventListener(name, () => { events.close(); finishSurely(); });
  events.addEventListener("problem", event => { if (JSON.parse(event.data).status !== 503) { events.close(); location.reload(); } });
  const wait = () => { says.textContent = "The connection broke. Trying again; your answer is kept."; };
  events.onerror = () => {
    wait();
    if (events.readyState === EventSource.CLOSED) setTimeout(() => { if (page.dataset.state === "running") follow(); }, 1500);
  };
};

if (page.dataset.state === "running") follow();
else if (page.dataset.state === "done") forget();
