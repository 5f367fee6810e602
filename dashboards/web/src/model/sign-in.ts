// Why somebody who came back from the sign-in provider has not signed in.
//
// The server says a word in the fragment, and only words of this table are shown: an address that somebody made up puts no
// text on the page.

const PROBLEMS: ReadonlyMap<string, string> = new Map([
  ["unreachable", "The sign-in provider cannot be reached now. Try again, or sign in by password."],
  ["busy", "Too many people are signing in at once. Try again in a minute."],
  ["denied", "The sign-in provider has not let you in."],
  ["not_begun_here", "This took too long, or began in another browser. Try again."],
  ["unproven", "What the sign-in provider said could not be verified. Try again, or tell who runs this server."],
  ["no_address", "The sign-in provider has not verified an e-mail address of yours."],
  ["domain", "Addresses of your domain may not sign in here."],
  ["no_account", "You have no account here. Ask an owner for an invitation."],
  ["taken", "There is an account of your address that is not joined with the sign-in provider. Sign in by password."],
  ["failed", "The server could not sign you in."],
]);

/** What the fragment says went wrong, in words for the reader; null if it says nothing of that. */
export function signInProblem(fragment: string): string | null {
  const word = new URLSearchParams(fragment.replace(/^#/, "")).get("sign-in");
  return word === null ? null : (PROBLEMS.get(word) ?? "You have not been signed in.");
}
