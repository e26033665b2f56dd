// j, k and the arrows move from row to row; Enter opens, as it does with any link.
const links = () => [...document.querySelectorAll(".people .open, .queue .open")];
const steps = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };

document.addEventListener("keydown", event => {
  const step = steps[event.key];
  const isElsewhere = event.target.closest("input, select, textarea, summary, details");
  if (!step || isElsewhere || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = links(), place = all.indexOf(document.activeElement);
  if (place < 0 && event.key.startsWith("Arrow")) return; // then the arrows scroll, as everywhere
  const next = all[place < 0 ? 0 : place + step];
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  next.closest("tr, li").scrollIntoView({ block: "nearest" });
});
