// An answer that is being written, kept in this browser until its feedback is there.
const PREFIX = "practice-draft:";
const store = (() => { try { return window.localStorage; } catch { return null; } })(); // switched off in some browsers

export const same = (one, other) => one.replace(/\s+/g, " ").trim() === other.replace(/\s+/g, " ").trim();
export const read = key => {
  try { return JSON.parse(store?.getItem(PREFIX + key) ?? "null"); } catch { return null; }
};
// False when the browser keeps nothing.
export const write = (key, draft) => {
  try {
    if (draft.text.trim() || draft.transcription || draft.pending) store.setItem(PREFIX + key, JSON.stringify(draft));
    else store.removeItem(PREFIX + key);
    return true;
  } catch { return false; }
};
export const forget = key => { try { store?.removeItem(PREFIX + key); } catch { /* nothing was kept */ } };
export const forgetAll = () => {
  try { for (const key of Object.keys(store ?? {})) if (key.startsWith(PREFIX)) store.removeItem(key); } catch { /* same */ }
};
// Tells when another tab changes the draft.
export const watch = (key, tell) => addEventListener("storage", event => { if (event.key === PREFIX + key) tell(); });
