import { callerOf } from "../../../platform/http/client_address.ts";
import type { Platform } from "../../../platform/platform.ts";
import { workWithin } from "../../../platform/throttle.ts";
import type { ThrottlePolicy } from "../../../platform/throttle_policy.ts";
import { LinkInvalid } from "../schema.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** Mails that one address may be sent: three, then ever slower, at most ten in any hour and four in the long run. */
const MAIL_TO_ADDRESS: ThrottlePolicy = {
  name: "mailbox",
  freeFailures: 3,
  firstWaitMs: MINUTE_MS,
  longestWaitMs: 15 * MINUTE_MS,
};
/** Mails that one caller may cause; behind an address may be an office. */
const MAIL_BY_CALLER: ThrottlePolicy = {
  name: "caller",
  freeFailures: 30,
  firstWaitMs: SECOND_MS,
  longestWaitMs: MINUTE_MS,
};
/** Nobody guesses a token; this only bounds the work that trying costs us. */
const LINKS_OF_CALLER: ThrottlePolicy = {
  name: "caller",
  freeFailures: 50,
  firstWaitMs: SECOND_MS,
  longestWaitMs: MINUTE_MS,
};
/** The caller's address, undefined where it is not known. */
type Address = string | undefined;

/**
 * Asks for mail, as often as the addresses and the caller may. Whether there is such an account plays no part.
 * @throws AppError too_many_attempts before any work is done.
 */
export async function withinMails<T>(
  platform: Platform,
  { to, address }: { to: string[]; address: Address },
  work: () => Promise<T>,
): Promise<T> {
  const checks = [
    ...to.map((subject) => ({ policy: MAIL_TO_ADDRESS, subject })),
    { policy: MAIL_BY_CALLER, subject: callerOf(address) },
  ];
  const attempt = { scope: "mail", checks, counted: [], isSuccessCounted: true };
  return await workWithin(platform.throttle, attempt, work);
}

/** Tries a token of a link. @throws AppError too_many_attempts. */
export async function withinLinks<T>(
  platform: Platform,
  address: Address,
  work: () => Promise<T>,
): Promise<T> {
  const checks = [{ policy: LINKS_OF_CALLER, subject: callerOf(address) }];
  const attempt = { scope: "link", checks, counted: [LinkInvalid] };
  return await workWithin(platform.throttle, attempt, work);
}
