// Shows which words of the answer speak for which criterion: by pointing, by focus, by a tap.
const answer = document.getElementById("answer");
const pieces = [...answer.querySelectorAll(".ev")], cards = [...document.querySelectorAll(".card")];
let held = "";

const light = places => {
  const wanted = new Set(places);
  for (const one of pieces) one.classList.toggle("lit", one.dataset.places.split(" ").some(place => wanted.has(place)));
  for (const one of cards) one.classList.toggle("lit", wanted.has(one.dataset.place));
  answer.classList.toggle("dimmed", wanted.size > 0 && pieces.some(one => one.classList.contains("lit")));
};
const rest = () => light(held ? held.split(" ") : []);

const watch = (element, places) => {
  const show = () => light(places.split(" "));
  element.addEventListener("mouseenter", show);
  element.addEventListener("focusin", show);
  element.addEventListener("mouseleave", rest);
  element.addEventListener("focusout", rest);
};
for (const one of pieces) {
  watch(one, one.dataset.places);
  one.addEventListener("click", () => { held = held === one.dataset.places ? "" : one.dataset.places; rest(); });
}
for (const one of answer.querySelectorAll(".mark")) watch(one, one.dataset.place);
for (const one of cards) watch(one, one.dataset.place);

document.addEventListener("keydown", event => {
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") { held = ""; rest(); }
  const link = { n: "after", p: "before" }[event.key];
  if (link) document.getElementById(link)?.click();
});
