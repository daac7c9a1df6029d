import type { Locale } from "../errors.ts";

/** A mail as features write it; how it travels is the mailer's business. */
export interface Mail {
  /** The same for every attempt at one mail, so that it arrives once. Letters, digits and hyphens. */
  id: string;
  to: { name: string; address: string };
  subject: string;
  text: string;
  html: string;
  locale: Locale;
}

/** Delivers mail. A repeated call with the same id delivers nothing new. */
export interface Mailer {
  /** @throws Error when the mail could not be handed over; the caller tries again. */
  send(mail: Mail, signal: AbortSignal): Promise<void>;
}
