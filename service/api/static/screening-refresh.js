// Renews the list of batches while one of them is graded.
import { load, replace } from "./screening-parts.js";

const SECONDS = 3;
const renew = async () => {
  try {
    if (!document.hidden) replace(await load(location.href), "live-list");
  } catch { /* the next time */ }
  if (document.querySelector(".s-running, .s-importing")) setTimeout(renew, 1000 * SECONDS);
};
setTimeout(renew, 1000 * SECONDS);
