import { and, eq, isNull } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { uniqueViolation } from "../../../platform/database_errors.ts";
import { AlreadyExists, AppError, type Locale, SessionRevoked } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { recordAudit } from "../../audit/mod.ts";
import { lockTotp, proveSecondFactor } from "../../mfa/mod.ts";
import { AccountBanned, InvalidCredentials, type Me, WelcomeMail } from "../schema.ts";
import { accounts, users } from "../tables.ts";
import { findLegacyCost } from "./legacy_hashes.ts";
import { assertPasswordFits } from "./password_policy.ts";
import { holdPassword } from "./password_proof.ts";
import { hashPassword, verifyPassword } from "./passwords.ts";
import { rehash } from "./rehash.ts";
import { announceEnded } from "./session_end.ts";
import { insertSession, type NewSession, type Origin, OWN_FIELDS } from "./sessions.ts";

/** What a successful sign-in hands out. */
export interface SignIn {
  user: Me;
  accessToken: string;
  /** Seconds. */
  expiresIn: number;
  refreshToken: string;
}

/** One spelling for an address, so that two accounts cannot share it. */
export function normalizeEmail(email: string): string {
  return email.trim().toLowerCase();
}

/**
 * Creates a user and signs them in, in one transaction, which also asks for the welcome mail.
 * @throws AppError already_exists for a taken address, after the same hashing work; validation_failed for a password
 * that is guessed soon.
 */
export async function register(
  platform: Platform,
  input: { email: string; password: string; displayName: string; locale: Locale; origin: Origin },
): Promise<SignIn> {
  assertPasswordFits(input.password, input);
  const passwordHash = await hashPassword(input.password);
  const userId = Bun.randomUUIDv7();
  const now = platform.now();
  try {
    const created = await platform.db.run({ role: "auth" }, async (tx) => {
      await tx.insert(users).values({ id: userId, displayName: input.displayName, createdAt: now });
      await tx.insert(accounts).values({
        userId,
        email: normalizeEmail(input.email),
        passwordHash,
        locale: input.locale,
      });
      await enqueue(tx, WelcomeMail, { userId });
      const { origin } = input;
      return await openSession(platform, tx, { action: "auth.register", userId, origin });
    });
    platform.jobs.wake();
    return await signInAnswer(platform, created);
  } catch (error) {
    if (uniqueViolation(error) === "accounts_email_unique")
      throw new AppError(AlreadyExists, "Cannot register: the address is taken");
    throw error;
  }
}

/**
 * @throws AppError invalid_credentials, whichever half was wrong and in the same time; account_banned, totp_required,
 * totp_invalid, or too_many_attempts at the second factor, when both were right.
 */
export async function login(platform: Platform, input: LoginInput): Promise<SignIn> {
  // A password that is changed after its check must not open a session; what it is now, a second look tells.
  const signIn = (await tryLogin(platform, input)) ?? (await tryLogin(platform, input));
  if (!signIn) throw new AppError(InvalidCredentials, "Cannot log in: the password keeps changing");
  return signIn;
}

interface LoginInput {
  email: string;
  password: string;
  code?: string;
  origin: Origin;
}

/** Undefined when the password was changed between its check and the session. */
async function tryLogin(platform: Platform, input: LoginInput): Promise<SignIn | undefined> {
  const [account] = await platform.db.run(
    { role: "auth" },
    (tx) =>
      tx
        .select({
          userId: accounts.userId,
          passwordHash: accounts.passwordHash,
          bannedAt: accounts.bannedAt,
        })
        .from(accounts)
        // One that is being erased is as good as gone.
        .where(and(eq(accounts.email, normalizeEmail(input.email)), isNull(accounts.erasingSince))),
    { read: true },
  );
  const legacyCost = await findLegacyCost(platform);
  const matches = await verifyPassword(input.password, account?.passwordHash, legacyCost);
  if (!matches || !account) throw new AppError(InvalidCredentials, "Cannot log in");
  // Only whoever knows the password learns of the ban.
  if (account.bannedAt) throw new AppError(AccountBanned, "Cannot log in: the account is banned");
  const passwordHash = await rehash(platform, { ...account, password: input.password });
  const { userId } = account;
  const created = await platform.db.run({ role: "auth" }, async (tx) => {
    const [held, row] = await Promise.all([
      holdPassword(tx, { userId, passwordHash }),
      lockTotp(tx, userId),
    ]);
    if (!held) return undefined;
    const proof = await proveSecondFactor(platform, tx, { userId, row, code: input.code });
    if ("refusal" in proof) return proof.refusal;
    const { origin } = input;
    return await openSession(platform, tx, { action: "auth.login", userId, origin, ...proof });
  });
  if (created instanceof AppError) throw created;
  return created && (await signInAnswer(platform, created));
}

/** What a sign-in writes, sent together, because each way to the database and back costs more than what it carries. */
async function openSession(
  platform: Platform,
  tx: Transaction,
  input: {
    action: "auth.register" | "auth.login";
    userId: string;
    origin: Origin;
    methods?: string[];
  },
): Promise<{ session: NewSession; user: Me }> {
  const { action, userId, origin, methods = [] } = input;
  const sessionId = Bun.randomUUIDv7();
  const { network } = origin;
  const at = platform.now();
  const [session, , user] = await Promise.all([
    insertSession(platform, tx, { userId, sessionId, origin, methods }),
    recordAudit(tx, { action, userId, actorId: userId, at, details: {}, sessionId, network }),
    selectMe(tx, userId),
  ]);
  return { session, user };
}

/** @throws AppError session_revoked for an account that is gone, or was banned while its owner was on the way in. */
export async function selectMe(tx: Transaction, userId: string): Promise<Me> {
  const [row] = await tx
    .select({ id: users.id, ...OWN_FIELDS })
    .from(users)
    .innerJoin(accounts, eq(accounts.userId, users.id))
    .where(and(eq(users.id, userId), isNull(accounts.bannedAt)));
  if (!row) throw new AppError(SessionRevoked, `Cannot serve user "${userId}": gone or banned`);
  return { ...row, createdAt: row.createdAt.toISOString() };
}

async function signInAnswer(
  platform: Platform,
  { session, user }: { session: NewSession; user: Me },
): Promise<SignIn> {
  const { sessionId, refreshToken, ended } = session;
  await announceEnded(platform, ended);
  const access = await platform.tokens.sign({ userId: user.id, sessionId, counter: 0 });
  return { user, accessToken: access.token, expiresIn: access.expiresIn, refreshToken };
}
