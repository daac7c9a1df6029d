import { and, desc, eq, gt, inArray, isNotNull, isNull, lt, type SQL } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, SessionRevoked } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { Me, Session } from "../schema.ts";
import { accounts, sessions, users } from "../tables.ts";
import { writeRefreshToken } from "./refresh_tokens.ts";
import { readCopy, TOMBSTONE, writeCopy } from "./session_copies.ts";
import { type Ended, noteEnded } from "./session_end.ts";

const KEY_BYTES = 32;
/** More devices than this at once nobody uses; the one that was away longest is signed out. */
const MAX_SESSIONS = 20;

export interface NewSession {
  sessionId: string;
  refreshToken: string;
  /** Sessions that had to make room; to be announced after the commit. */
  ended: Ended;
}

/** Where a sign-in comes from, as its owner will recognise it. */
export interface Origin {
  device: string;
  network: string;
}

/**
 * Writes the session's row; the caller's transaction makes it one with whatever else signs the user in, and holds the
 * account's row, because two sign-ins at once would otherwise each count sessions without the other. `methods` are what
 * was shown beside the password.
 */
export async function insertSession(
  platform: Platform,
  tx: Transaction,
  input: { userId: string; sessionId: string; origin: Origin; methods?: string[] },
): Promise<NewSession> {
  const { userId, sessionId, origin, methods = [] } = input;
  const refreshKey = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  const now = platform.now();
  // Begun now, so that the surplus is counted with it.
  const inserted = insertRow(tx, {
    id: sessionId,
    userId,
    refreshKey,
    refreshedAt: now,
    authenticatedAt: now,
    methods: ["password", ...methods],
    lastSeenAt: now,
    createdAt: now,
    expiresAt: new Date(now.getTime() + platform.config.sessionMaxMs),
    ...origin,
  });
  const [, ids] = await Promise.all([inserted, makeRoom(tx, { userId, now })]);
  const ended = { userId, ids, publications: await noteEnded(tx, { userId, ids }) };
  const token = { userId, sessionId, counter: 0 };
  return { sessionId, refreshToken: writeRefreshToken(token, refreshKey), ended };
}

async function insertRow(tx: Transaction, row: typeof sessions.$inferInsert): Promise<void> {
  await tx.insert(sessions).values(row);
}

/** Ends the sessions that are one too many, those first that were away longest. */
async function makeRoom(
  tx: Transaction,
  { userId, now }: { userId: string; now: Date },
): Promise<string[]> {
  const surplus = tx
    .select({ id: sessions.id })
    .from(sessions)
    .where(
      and(eq(sessions.userId, userId), isNull(sessions.revokedAt), gt(sessions.expiresAt, now)),
    )
    .orderBy(desc(sessions.lastSeenAt), desc(sessions.id))
    .offset(MAX_SESSIONS);
  const rows = await tx
    .update(sessions)
    .set({ revokedAt: now })
    .where(inArray(sessions.id, surplus))
    .returning({ id: sessions.id });
  return rows.map(({ id }) => id);
}

/** A session as one access token shows it. */
export interface Caller extends Session {
  /** When that token expires, in milliseconds since the epoch. */
  validUntil: number;
  /** Its position in the session's chain of tokens. */
  counter: number;
}

/** The living session behind a bearer token. @throws AppError when the token or the session is not good. */
export async function authenticate(platform: Platform, token: string): Promise<Caller> {
  const verified = platform.tokens.verify(token);
  const claims = verified instanceof Promise ? await verified : verified;
  const session = await getSession(platform, claims);
  if (!isNoted(claims)) await acknowledge(platform, claims);
  const { validUntil, counter } = claims;
  return { ...session, validUntil, counter };
}

/** What users see of their own account. */
export const OWN_FIELDS = {
  email: accounts.email,
  emailVerified: isNotNull(accounts.emailVerifiedAt).mapWith(Boolean),
  displayName: users.displayName,
  role: accounts.role,
  tier: accounts.tier,
  locale: accounts.locale,
  createdAt: users.createdAt,
};

/** The user's own account, as the session carries it. */
export function getMe(session: Session): Me {
  const { userId: id, email, emailVerified, displayName, role, tier, locale, createdAt } = session;
  return { id, email, emailVerified, displayName, role, tier, locale, createdAt };
}

/** Reads the copy in Redis, else the row in Postgres. @throws AppError session_revoked when it has ended. */
export async function getSession(
  platform: Platform,
  ids: { userId: string; sessionId: string },
): Promise<Session> {
  const session = (await readCopy(platform, ids)) ?? (await loadSession(platform, ids));
  if (!session || session === TOMBSTONE)
    throw new AppError(SessionRevoked, `Cannot use session "${ids.sessionId}": it has ended`);
  return session;
}

/** True while the session has neither ended nor expired. */
export async function isSessionAlive(
  platform: Platform,
  ids: { userId: string; sessionId: string },
): Promise<boolean> {
  try {
    await getSession(platform, ids);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.kind === SessionRevoked) return false;
    throw error;
  }
}

/** Those of the sessions that live, by their ids, as their rows say. */
export async function listAliveSessions(
  platform: Platform,
  sessionIds: { sessionId: string }[],
): Promise<Set<string>> {
  const ids = sessionIds.map(({ sessionId }) => sessionId);
  const rows = await platform.db.run(
    { role: "auth" },
    (tx) =>
      tx
        .select({ id: sessions.id })
        .from(sessions)
        .innerJoin(accounts, eq(accounts.userId, sessions.userId))
        .where(and(inArray(sessions.id, ids), asLiving(platform))),
    { read: true },
  );
  return new Set(rows.map(({ id }) => id));
}

function asLiving({ now, config }: Platform): SQL | undefined {
  const time = now();
  return and(
    isNull(sessions.revokedAt),
    isNull(accounts.bannedAt),
    gt(sessions.expiresAt, time),
    gt(sessions.refreshedAt, new Date(time.getTime() - config.sessionIdleMs)),
  );
}

async function loadSession(
  platform: Platform,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<Session | undefined> {
  const now = platform.now();
  const [row] = await platform.db.run({ role: "auth" }, (tx) =>
    tx
      .update(sessions)
      .set({ lastSeenAt: now })
      .from(accounts)
      .innerJoin(users, eq(users.id, accounts.userId))
      .where(
        and(
          eq(accounts.userId, sessions.userId),
          eq(sessions.id, sessionId),
          eq(sessions.userId, userId),
          asLiving(platform),
        ),
      )
      .returning({
        ...OWN_FIELDS,
        version: accounts.version,
        endsAt: sessions.expiresAt,
      }),
  );
  if (!row) return undefined;
  const { version, ...known } = row;
  const createdAt = known.createdAt.toISOString();
  const endsAt = known.endsAt.getTime();
  const session: Session = { userId, sessionId, ...known, createdAt, endsAt };
  await writeCopy(platform, session, version);
  return session;
}

/** Counters that this process has noted already, of the sessions that it saw last. */
const noted = new Map<string, number>();
const MAX_NOTED = 20_000;

function isNoted({ sessionId, counter }: { sessionId: string; counter: number }): boolean {
  return counter === 0 || (noted.get(sessionId) ?? 0) >= counter;
}

/** Notes that the tokens of a rotation are in use: from then on the token before them is not honoured any more. */
async function acknowledge(
  platform: Platform,
  { userId, sessionId, counter }: { userId: string; sessionId: string; counter: number },
): Promise<void> {
  try {
    await platform.db.run({ role: "auth" }, (tx) =>
      tx
        .update(sessions)
        .set({ seenCounter: counter })
        .where(
          and(
            eq(sessions.id, sessionId),
            eq(sessions.userId, userId),
            lt(sessions.seenCounter, counter),
          ),
        ),
    );
  } catch (error) {
    // The request itself needs no database, and the next one will note it.
    platform.log.debug("cannot note that a token is in use", { error });
    return;
  }
  const [oldest] = noted.size >= MAX_NOTED ? noted.keys() : [];
  if (oldest !== undefined) noted.delete(oldest);
  noted.set(sessionId, counter);
}
