import { dictionary } from "@zxcvbn-ts/language-common";

import { fold } from "./guessing.ts";

/** The shortest password that the schema takes; shorter ones of the list never come here. */
const MIN_LENGTH = 8;

/** What was found most often among leaked passwords, as zxcvbn-ts lists it. */
const LEAKED = new Set(
  dictionary["passwords-common"].filter((password) => password.length >= MIN_LENGTH),
);

/** Whether a password is on the list, in whatever case and with whatever marks. */
export function isLeakedOften(password: string): boolean {
  return LEAKED.has(password) || LEAKED.has(password.toLowerCase()) || LEAKED.has(fold(password));
}
