import { signInSettings } from "./settings";
import { SignIn } from "./signIn";

/** The sign-in of this tab, or null if this build has no sign-in pages. */
export const session = signInSettings && new SignIn(signInSettings);
