import { AlreadyExists } from "../../../platform/errors.ts";
import { callerOf } from "../../../platform/http/client_address.ts";
import type { Platform } from "../../../platform/platform.ts";
import { workWithin } from "../../../platform/throttle.ts";
import type { ThrottlePolicy } from "../../../platform/throttle_policy.ts";
import { TotpInvalid } from "../../mfa/mod.ts";
import { AccountBanned, InvalidCredentials } from "../schema.ts";
import { login, normalizeEmail, register, type SignIn } from "./accounts.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/**
 * One person at one place: ten slips, then ever slower, down to four guesses an hour. It holds for everybody, and only
 * here does a success wipe the slate clean.
 */
const LOGIN_OF_PAIR: ThrottlePolicy = {
  name: "pair",
  freeFailures: 10,
  firstWaitMs: SECOND_MS,
  longestWaitMs: 15 * MINUTE_MS,
  isResetBySuccess: true,
};
/**
 * One account from everywhere, against guesses that are spread over many addresses. Strangers can keep this one busy, so
 * it does not hold where its owner has signed in before.
 */
const LOGIN_OF_ACCOUNT: ThrottlePolicy = {
  name: "account",
  freeFailures: 30,
  firstWaitMs: SECOND_MS,
  longestWaitMs: 15 * MINUTE_MS,
  isWaivedForKnown: true,
};
/** One address with any accounts: behind it may be an office, or a whole mobile network. */
const LOGIN_OF_ADDRESS: ThrottlePolicy = {
  name: "address",
  freeFailures: 100,
  firstWaitMs: SECOND_MS,
  longestWaitMs: MINUTE_MS,
  isWaivedForKnown: true,
};
/** Every account that is opened counts, and every address that turns out to be taken. */
const REGISTER_OF_ADDRESS: ThrottlePolicy = {
  name: "address",
  freeFailures: 100,
  firstWaitMs: SECOND_MS,
  longestWaitMs: 30 * SECOND_MS,
};

/** A login or registration as it comes through a door; the address is undefined where it is not known. */
type From<Input> = Input & { address: string | undefined };

/**
 * Logs in, within what its throttles admit; they know nothing of whether there is such an account.
 * @throws AppError too_many_attempts before any work is done; else what `login` throws.
 */
export async function logInWithin(
  platform: Platform,
  input: From<Parameters<typeof login>[1]>,
): Promise<SignIn> {
  const account = normalizeEmail(input.email);
  const caller = callerOf(input.address);
  const attempt = {
    scope: "login",
    checks: [
      { policy: LOGIN_OF_PAIR, subject: `${caller} ${account}` },
      { policy: LOGIN_OF_ACCOUNT, subject: account },
      { policy: LOGIN_OF_ADDRESS, subject: caller },
    ],
    known: { account, caller },
    counted: [InvalidCredentials, AccountBanned, TotpInvalid],
  };
  return await workWithin(platform.throttle, attempt, () => login(platform, input));
}

/**
 * Opens an account, within what its throttle admits.
 * @throws AppError too_many_attempts before any work is done; else what `register` throws.
 */
export async function registerWithin(
  platform: Platform,
  input: From<Parameters<typeof register>[1]>,
): Promise<SignIn> {
  const attempt = {
    scope: "register",
    checks: [{ policy: REGISTER_OF_ADDRESS, subject: callerOf(input.address) }],
    counted: [AlreadyExists],
    isSuccessCounted: true,
  };
  return await workWithin(platform.throttle, attempt, () => register(platform, input));
}
