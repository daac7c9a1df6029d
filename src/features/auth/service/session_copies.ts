import type { Platform } from "../../../platform/platform.ts";
import type { Session } from "../schema.ts";

/** The copy in Redis lives this long; a tombstone outlives every copy that a slow reader may still be writing. */
const COPY_MS = 300_000;
const TOMBSTONE_MS = 900_000;
export const TOMBSTONE = "revoked";

/** What Redis knows of a session: its copy, that it has ended, or nothing. */
export async function readCopy(
  platform: Platform,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<Session | typeof TOMBSTONE | undefined> {
  if (!platform.redis.isReady()) return undefined;
  try {
    const key = platform.keys.session(userId, sessionId);
    const text = await platform.redis.run("read a session", (client) => client.get(key));
    if (text === null) return undefined;
    if (text === TOMBSTONE) return TOMBSTONE;
    const copy = JSON.parse(text) as Partial<Session>;
    // A copy that another version of the product wrote may lack what this one needs.
    return copy.email === undefined ? undefined : (copy as Session);
  } catch (error) {
    // Redis holds a copy only; Postgres can always answer.
    platform.log.debug("cannot read a session from redis", { error });
    return undefined;
  }
}

/** Never over what is there: a tombstone that was written while we read the row must win. */
export async function writeCopy(platform: Platform, session: Session): Promise<void> {
  if (!platform.redis.isReady()) return;
  const key = platform.keys.session(session.userId, session.sessionId);
  const options = { condition: "NX", expiration: { type: "PX", value: COPY_MS } } as const;
  try {
    await platform.redis.run("keep a session", (client) =>
      client.set(key, JSON.stringify(session), options),
    );
  } catch (error) {
    platform.log.debug("cannot keep a session in redis", { error });
  }
}

/** Puts a tombstone in the place of the copy. @throws AppError dependency_unavailable when Redis is away. */
export async function burySession(
  { redis, keys }: Pick<Platform, "redis" | "keys">,
  ids: { userId: string; sessionId: string },
): Promise<void> {
  const key = keys.session(ids.userId, ids.sessionId);
  const options = { expiration: { type: "PX", value: TOMBSTONE_MS } } as const;
  await redis.run("end a session", (client) => client.set(key, TOMBSTONE, options));
}

/** The same at once, where a job will do it again. */
export async function writeTombstone(
  platform: Platform,
  ids: { userId: string; sessionId: string },
): Promise<void> {
  try {
    await burySession(platform, ids);
  } catch (error) {
    platform.log.warn("cannot end a session in redis; a job will", { error });
  }
}
