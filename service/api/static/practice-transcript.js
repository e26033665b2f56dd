// The words of a recording in the text field: those in doubt are underlined, and found with a click, until they change.
const MOST_SHOWN = 12;
const field = document.getElementById("answer"), mirror = document.getElementById("mirror");
const box = document.getElementById("doubts"), list = document.getElementById("doubts-list");
const split = text => text.split(/(\s+)/);
let tokens = []; // [text, is in doubt], in the order of the text; blanks are tokens, too

const paint = () => {
  mirror.replaceChildren();
  if (!tokens.some(([, doubt]) => doubt)) mirror.textContent = field.value;
  else for (const [text, doubt] of tokens) {
    if (!doubt) { mirror.append(text); continue; }
    const mark = document.createElement("b");
    mark.textContent = text;
    mirror.append(mark);
  }
  mirror.append("\n"); // a last empty line has a height, too
};

const find = wanted => { // where a token begins
  let start = 0;
  for (const token of tokens) { if (token === wanted) return start; start += token[0].length; }
  return 0;
};

const showList = () => {
  const doubts = tokens.filter(([, doubt]) => doubt);
  mirror.parentElement.classList.toggle("with-doubts", doubts.length > 0);
  box.hidden = !doubts.length;
  const more = doubts.length > MOST_SHOWN ? `, the first ${MOST_SHOWN} are here` : "";
  document.getElementById("doubts-say").textContent =
    doubts.length === 1 ? "One word was hard to hear. Is it right?" : `${doubts.length} words were hard to hear${more}. Are they right?`;
  list.replaceChildren(...doubts.slice(0, MOST_SHOWN).map(token => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = token[0];
    button.addEventListener("click", () => {
      const start = find(token);
      field.focus();
      field.setSelectionRange(start, start + token[0].length);
    });
    item.append(button);
    return item;
  }));
};

// After a change only what stands before and after it keeps its doubts.
const keep = () => {
  const fresh = split(field.value), old = tokens;
  let before = 0, after = 0;
  while (before < fresh.length && before < old.length && fresh[before] === old[before][0]) before += 1;
  while (after < fresh.length - before && after < old.length - before && fresh.at(-1 - after) === old.at(-1 - after)[0]) after += 1;
  tokens = fresh.map((text, place) => {
    if (place < before) return old[place];
    return place >= fresh.length - after ? old[old.length - (fresh.length - place)] : [text, false];
  });
};

export const refresh = () => { keep(); paint(); showList(); };
export const fill = text => { field.value = text; tokens = split(text).map(one => [one, false]); paint(); showList(); };

// Words with their confidence; `doubtful` is the confidence below which one is in doubt.
export const fillHeard = (words, doubtful) => {
  field.value = words.map(word => word.text).join(" ");
  tokens = words.flatMap((word, place) => {
    const doubt = word.confidence !== null && word.confidence < doubtful;
    return place ? [[" ", false], [word.text, doubt]] : [[word.text, doubt]];
  });
  paint();
  showList();
};
fill(field.value);
