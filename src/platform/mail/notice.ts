import { AppError, TooManyAttempts } from "../errors.ts";
import type { WorkerPlatform } from "../platform.ts";
import { workWithin } from "../throttle.ts";
import type { ThrottlePolicy } from "../throttle_policy.ts";
import { type Sending, sendLetter } from "./letter.ts";

/** What people are told of without having asked; each kind has a count of its own. */
const KINDS = ["password", "reuse", "second_factor", "deletion", "export"] as const;
export type NoticeKind = (typeof KINDS)[number];

/** A letter that tells somebody what has happened to their account. */
export interface Notice extends Sending {
  kind: NoticeKind;
  userId: string;
  /** Whether its reader is known to have mail at this address. */
  isProven: boolean;
}

const SCOPE = "notice";
const MINUTE_MS = 60_000;
/** Of one kind: three, then ever slower, five in any hour and one an hour in the long run. */
const NOTICES_OF_USER: Omit<ThrottlePolicy, "name"> = {
  freeFailures: 3,
  firstWaitMs: 15 * MINUTE_MS,
  longestWaitMs: 60 * MINUTE_MS,
};

/** How many this thread has dropped; the log tells it, so that a flood is seen in a single line. */
let dropped = 0;

/**
 * Sends a notice, unless nobody has shown that the address is theirs: anybody may register with the address of somebody
 * else, and then change passwords for as long as they like. One of which there were too many is dropped, because those
 * that came before it have said the same.
 * @throws AppError dependency_unavailable while Redis is away, or what the mailer throws; the job tries again.
 */
export async function sendNotice(
  platform: Pick<WorkerPlatform, "throttle" | "log" | "mailer">,
  { kind, userId, isProven, ...sending }: Notice,
  signal: AbortSignal,
): Promise<void> {
  if (!isProven) return drop(platform, { kind, userId, why: "the address is not proven" });
  const checks = [{ policy: { ...NOTICES_OF_USER, name: kind }, subject: userId }];
  const attempt = { scope: SCOPE, checks, counted: [], isSuccessCounted: true };
  try {
    await workWithin(platform.throttle, attempt, () => sendLetter(platform, sending, signal));
  } catch (error) {
    if (!(error instanceof AppError && error.kind === TooManyAttempts)) throw error;
    drop(platform, { kind, userId, why: "there were too many" });
  }
}

function drop(
  { log }: Pick<WorkerPlatform, "log">,
  fields: { kind: NoticeKind; userId: string; why: string },
): void {
  dropped += 1;
  log.warn("a notice is not sent", { ...fields, dropped });
}

/** Under which names the notices of a user are counted. */
export function noticeCountsOf(userId: string): { scope: string; name: string; subject: string }[] {
  return KINDS.map((name) => ({ scope: SCOPE, name, subject: userId }));
}
