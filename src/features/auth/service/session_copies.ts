import type { Platform } from "../../../platform/platform.ts";
import type { Redis } from "../../../platform/redis.ts";
import type { Session } from "../schema.ts";

/** The copy in Redis lives this long; a tombstone outlives every copy that a slow reader may still be writing. */
const COPY_MS = 300_000;
const TOMBSTONE_MS = 900_000;
export const TOMBSTONE = "revoked";

/**
 * A copy with what tells how far it is to be believed. Everything in a copy changes together with the account's
 * version, so that of two copies the one with the higher version is right.
 */
interface Copy {
  session: Session;
  version: number;
  /** Milliseconds since the epoch. */
  writtenAt: number;
}

/**
 * Writes a text into each key, never over a tombstone, nor over what was read from a later version of the account: a
 * slow reader must not bring back what has changed since.
 */
const KEEP = `
local version, life = tonumber(ARGV[1]), ARGV[2]
for at, key in ipairs(KEYS) do
  local kept = redis.call('GET', key)
  local known = 0
  if kept then
    local fine, copy = pcall(cjson.decode, kept)
    known = fine and type(copy) == 'table' and tonumber(copy.version) or 0
  end
  if kept ~= '${TOMBSTONE}' and known <= version then
    redis.call('SET', key, ARGV[at + 2], 'PX', life)
  end
end
return 0`;

/** Since when this process has had Redis without a break; what was written before may have missed a change. */
const inTouchSince = new WeakMap<Redis, { ms: number }>();

function believedFrom({ redis, now }: Pick<Platform, "redis" | "now">): number {
  const known = inTouchSince.get(redis);
  if (known) return known.ms;
  const since = { ms: now().getTime() };
  inTouchSince.set(redis, since);
  redis.onReady(() => (since.ms = now().getTime()));
  return since.ms;
}

/** Copies as they were last read, because the same one is read for every request of its session. */
const parsed = new Map<string, { text: string; copy: Partial<Copy> }>();
const MAX_PARSED = 4_000;

function parseCopy(key: string, text: string): Partial<Copy> {
  const known = parsed.get(key);
  if (known?.text === text) return known.copy;
  const copy = JSON.parse(text) as Partial<Copy>;
  // Whoever reads it next gets the same object.
  Object.freeze(copy.session);
  const [oldest] = parsed.size >= MAX_PARSED ? parsed.keys() : [];
  if (oldest !== undefined) parsed.delete(oldest);
  parsed.set(key, { text, copy });
  return copy;
}

/** What Redis knows of a session: its copy, that it has ended, or nothing. */
export async function readCopy(
  platform: Platform,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<Session | typeof TOMBSTONE | undefined> {
  const since = believedFrom(platform);
  if (!platform.redis.isReady()) return undefined;
  try {
    const key = platform.keys.session(userId, sessionId);
    const text = await platform.redis.read(key);
    if (text === null) return undefined;
    if (text === TOMBSTONE) return TOMBSTONE;
    const { session, writtenAt = 0 } = parseCopy(key, text);
    // A copy that another version of the product wrote may lack what this one needs, and one that is out of date has
    // nothing but its version.
    const isLiving = session?.endsAt !== undefined && session.endsAt > platform.now().getTime();
    return isLiving && writtenAt >= since ? session : undefined;
  } catch (error) {
    // Redis holds a copy only; Postgres can always answer.
    platform.log.debug("cannot read a session from redis", { error });
    return undefined;
  }
}

/** Keeps what was read of a session, together with the version of the account that it was read with. */
export async function writeCopy(
  platform: Platform,
  session: Session,
  version: number,
): Promise<void> {
  if (!platform.redis.isReady()) return;
  const copy: Copy = { session, version, writtenAt: platform.now().getTime() };
  const keys = [platform.keys.session(session.userId, session.sessionId)];
  const values = [String(version), String(COPY_MS), JSON.stringify(copy)];
  try {
    await platform.redis.run("keep a session", (client) =>
      client.eval(KEEP, { keys, arguments: values }),
    );
  } catch (error) {
    platform.log.debug("cannot keep a session in redis", { error });
  }
}

/** Sessions whose copies were read from an older version of their account. */
export interface Outdated {
  userId: string;
  sessionIds: string[];
  version: number;
}

/**
 * Puts the bare version in the place of older copies, so that the next request reads the rows, and a reader that is
 * still on its way with older ones cannot keep them. @throws AppError dependency_unavailable when Redis is away.
 */
export async function outdateCopies(
  { redis, keys }: Pick<Platform, "redis" | "keys">,
  { userId, sessionIds, version }: Outdated,
): Promise<void> {
  if (sessionIds.length === 0) return;
  const names = sessionIds.map((sessionId) => keys.session(userId, sessionId));
  const values = [
    String(version),
    String(COPY_MS),
    ...names.map(() => JSON.stringify({ version })),
  ];
  await redis.run("outdate sessions", (client) =>
    client.eval(KEEP, { keys: names, arguments: values }),
  );
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
