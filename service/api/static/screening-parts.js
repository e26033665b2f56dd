// Parts of a page, asked for again and put in place: the server writes all HTML.
export const load = async address => {
  const response = await fetch(address, { headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) throw new Error(`${response.status}`);
  return new DOMParser().parseFromString(await response.text(), "text/html");
};

// Puts the new version of these parts in place; the focus stays on what has the same id.
export const replace = (found, ...ids) => {
  for (const id of ids) {
    const old = document.getElementById(id), fresh = found.getElementById(id);
    if (!old || !fresh || old.isEqualNode(fresh)) continue;
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    old.replaceWith(fresh);
    if (focused) document.getElementById(focused)?.focus();
  }
};
