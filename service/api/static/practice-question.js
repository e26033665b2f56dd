// The page of a question: an answer is spoken or written, and kept in this browser until its feedback is there.
import * as drafts from "./practice-draft.js";
import { fill, fillHeard, refresh } from "./practice-transcript.js";
import { Recorder } from "./practice-record.js";
import { startTimer } from "./practice-timer.js";

const form = document.getElementById("answer-form"), field = document.getElementById("answer");
const key = form.dataset.draft, heard = document.getElementById("transcription"), box = document.getElementById("recorder");
const says = document.getElementById("draft-says"), submit = document.getElementById("submit"), name = submit.textContent;
let isSending = false;

const count = () => {
  const words = field.value.trim() ? field.value.trim().split(/\s+/).length : 0;
  document.getElementById("count").textContent = words ? `${words} word${words === 1 ? "" : "s"}` : "";
};
const keep = () => {
  const kept = drafts.write(key, { text: field.value, transcription: heard.value, from: form.dataset.from, pending: recorder?.is("sending") ? recorder.id : undefined });
  says.textContent = field.value.trim() ? (kept ? "Kept in this browser." : "This browser keeps nothing: do not leave the page.") : "";
};
const label = text => { const own = document.querySelector("#answer-label .js-only") ?? document.getElementById("answer-label"); own.textContent = text; };

field.addEventListener("input", () => { refresh(); count(); keep(); });
drafts.watch(key, () => {
  const other = drafts.read(key);
  if (!other || drafts.same(other.text, field.value)) return;
  says.replaceChildren("You changed this answer in another tab. ");
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "quiet", textContent: "Take that version" });
  button.addEventListener("click", () => { fill(other.text); heard.value = other.transcription ?? ""; count(); says.textContent = "Taken over."; field.focus(); });
  says.append(button);
});

const recorder = box && new Recorder(box, document.querySelector("meta[name=csrf]").content, {
  sent: () => keep(),
  heard: found => {
    fillHeard(found.words, Number(form.dataset.doubtful));
    if (found.text !== null && !drafts.same(found.text, field.value)) fill(found.text); // corrected before
    heard.value = found.id;
    label("What was heard");
    count();
    keep();
    if (found.was_cut_off) says.textContent = "Parts of the recording cannot be read. Please see whether words are missing.";
    field.focus({ preventScroll: true });
    field.setSelectionRange(0, 0);
    form.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  },
  reset: () => { heard.value = ""; label("Or write it"); if (field.value) keep(); else drafts.forget(key); },
});

const draft = drafts.read(key);
if (draft && !("filled" in form.dataset) && (!form.dataset.from || draft.from === form.dataset.from)) {
  if (draft.text) { fill(draft.text); heard.value = draft.transcription ?? ""; says.textContent = "Your draft is back."; }
  if (draft.pending) recorder?.follow(draft.pending); // the page was loaded again while it was listened to
}
count();

form.addEventListener("submit", event => {
  if (isSending) return event.preventDefault();
  isSending = true;
  keep();
  submit.textContent = "Sending";
  submit.setAttribute("aria-disabled", "true");
});
addEventListener("pageshow", () => { isSending = false; submit.textContent = name; submit.removeAttribute("aria-disabled"); });
startTimer();
