// Everything is deleted on the server: so are the drafts here.
import { forgetAll } from "./practice-draft.js";
forgetAll();
