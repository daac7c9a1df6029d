import { callerOf } from "../../../platform/http/client_address.ts";
import type { Platform } from "../../../platform/platform.ts";
import { workWithin } from "../../../platform/throttle.ts";
import type { ThrottlePolicy } from "../../../platform/throttle_policy.ts";
import { LinkInvalid } from "../schema/credentials.ts";

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
/** Mails that a user causes to their own address; apart from what strangers ask for, so that they use none of it up. */
const MAIL_BY_USER: ThrottlePolicy = { ...MAIL_TO_ADDRESS, name: "user" };
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

/**
 * Asks for mail as a signed-in user: to their own address, and perhaps to another one, which may be nobody's wish but
 * theirs. Nothing that is asked for without a session counts here. @throws AppError too_many_attempts.
 */
export async function withinOwnMails<T>(
  platform: Platform,
  { userId, other }: { userId: string; other?: string },
  work: () => Promise<T>,
): Promise<T> {
  const checks = [{ policy: MAIL_BY_USER, subject: userId }];
  if (other !== undefined) checks.push({ policy: MAIL_TO_ADDRESS, subject: other });
  const attempt = { scope: "own_mail", checks, counted: [], isSuccessCounted: true };
  return await workWithin(platform.throttle, attempt, work);
}

/** Asks for a deletion, which waits for nothing but deletions of this very user. @throws AppError too_many_attempts. */
export async function withinDeletions<T>(
  platform: Platform,
  userId: string,
  work: () => Promise<T>,
): Promise<T> {
  const checks = [{ policy: MAIL_BY_USER, subject: userId }];
  const attempt = { scope: "deletion", checks, counted: [], isSuccessCounted: true };
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
