// Shows the file again when a choice changes how it is read, and asks for the estimate by itself.
import { load, replace } from "./screening-parts.js";

const form = document.getElementById("order"), start = document.getElementById("start");
const address = extra => {
  const query = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...query]) if (!value) query.delete(name, value);
  return `/screening/new?${query}${extra}`;
};
const estimate = async () => {
  const box = document.getElementById("estimate");
  box.setAttribute("aria-busy", "true");
  try {
    const found = await load(address("&estimate=1"));
    replace(found, "estimate");
  } catch {
    box.textContent = "The estimate cannot be made with these settings.";
  }
  box.removeAttribute("aria-busy");
};

for (const one of form.querySelectorAll("[data-without-script]")) one.hidden = true;
for (const one of form.querySelectorAll("[data-reload]")) one.addEventListener("change", () => location.replace(address("")));
for (const one of form.querySelectorAll("[data-estimate]")) one.addEventListener("change", estimate);
if (document.querySelector("[data-wanted]")) estimate();
form.addEventListener("submit", event => {
  if (event.submitter !== start) return;
  document.getElementById("start-state").textContent = "The rows are being stored …";
  setTimeout(() => { start.disabled = true; }, 0);
});
