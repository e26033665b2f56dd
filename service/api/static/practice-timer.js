// The clock of a question in a mock interview: first to prepare, then to answer. Nothing is taken away at its end.
const write = seconds => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export const startTimer = () => {
  const box = document.getElementById("timer"), says = document.getElementById("timer-says");
  if (!box) return;
  const began = performance.now() - 1000 * Number(box.dataset.passed);
  const preparation = Number(box.dataset.preparation), answer = Number(box.dataset.answer);
  const clock = document.createElement("b"), words = document.createElement("span"), loud = document.createElement("span");
  loud.className = "unseen";
  loud.setAttribute("role", "status"); // said when the phase changes, not every second
  says.replaceChildren(words, " ", clock, loud);
  let phase = "";
  const tick = () => {
    const passed = (performance.now() - began) / 1000;
    const now = passed < preparation ? "Prepare" : passed < preparation + answer ? "Answer" : "Time is up. Finish your thought, then hand it in.";
    const left = (passed < preparation ? preparation : preparation + answer) - passed;
    if (now !== phase) { phase = now; words.textContent = now; loud.textContent = now; }
    clock.textContent = left > 0 ? write(Math.ceil(left)) : "";
    if (left > 0 || passed < preparation + answer) setTimeout(tick, 250);
  };
  tick();
};
