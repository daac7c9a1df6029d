import { and, desc, eq, gt, lt, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound, TooManyAttempts } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { recordAudit } from "../../audit/mod.ts";
import { assertRecent, type Session } from "../../auth/mod.ts";
import { ExportNotReady, WriteExport } from "../schema/credentials.ts";
import type { AccountExport } from "../schema/lifecycle.ts";
import { accountExportChunks, accountExports } from "../tables.ts";

const DAY_MS = 86_400_000;
const MAX_A_DAY = 3;
/** What nobody has fetched by then is deleted. */
export const EXPORT_LIFE_MS = 7 * DAY_MS;

type Owner = Pick<Session, "userId">;
type Row = Omit<typeof accountExports.$inferSelect, "attempt" | "userId">;

const COLUMNS = {
  id: accountExports.id,
  state: accountExports.state,
  requestedAt: accountExports.requestedAt,
  readyAt: accountExports.readyAt,
  expiresAt: accountExports.expiresAt,
  bytes: accountExports.bytes,
};

/**
 * Asks for a copy of the user's data; the one that is being written, where there is one.
 * @throws AppError too_many_attempts after three within 24 hours.
 */
export async function requestExport(
  platform: Platform,
  { userId, sessionId }: Session,
): Promise<AccountExport> {
  const row = await platform.db.run({ role: "app", userId }, async (tx) => {
    const before = await findPresent(tx, userId);
    if (before?.state === "waiting") return before;
    await assertFew(platform, tx, userId);
    await insertExport(platform, tx, { userId, sessionId });
    // Where somebody else has asked in this moment, it is theirs.
    return await findPresent(tx, userId);
  });
  if (!row) throw new Error(`Cannot make an export for user "${userId}"`);
  platform.jobs.wake();
  return toExport(row);
}

/** Does nothing where one is being written: the database takes no second one. */
async function insertExport(
  platform: Platform,
  tx: Transaction,
  { userId, sessionId }: Pick<Session, "userId" | "sessionId">,
): Promise<void> {
  const now = platform.now();
  const exportId = Bun.randomUUIDv7();
  const expiresAt = new Date(now.getTime() + EXPORT_LIFE_MS);
  // Only these columns are the user's to fill.
  const inserted = await tx.execute(sql`
    insert into app.account_exports (id, user_id, state, requested_at, expires_at)
    values (${exportId}::uuid, ${userId}::uuid, 'waiting', ${now.toISOString()}::timestamptz,
      ${expiresAt.toISOString()}::timestamptz)
    on conflict do nothing returning id`);
  if (inserted.length === 0) return;
  await enqueue(tx, WriteExport, { exportId });
  const who = { userId, actorId: userId, sessionId };
  await recordAudit(tx, { action: "account.export_requested", ...who, at: now, details: {} });
}

/** The one that is being written, or else the newest. */
async function findPresent(tx: Transaction, userId: string): Promise<Row | undefined> {
  const [row] = await tx
    .select(COLUMNS)
    .from(accountExports)
    .where(eq(accountExports.userId, userId))
    .orderBy(desc(eq(accountExports.state, "waiting")), desc(accountExports.id))
    .limit(1);
  return row;
}

async function assertFew({ config, now }: Platform, tx: Transaction, userId: string) {
  const max = Math.max(1, Math.floor(MAX_A_DAY * config.limitsScale));
  const since = new Date(now().getTime() - DAY_MS);
  const recent = await tx
    .select({ requestedAt: accountExports.requestedAt })
    .from(accountExports)
    .where(and(eq(accountExports.userId, userId), gt(accountExports.requestedAt, since)))
    .orderBy(desc(accountExports.requestedAt))
    .offset(max - 1)
    .limit(1);
  const [oldest] = recent;
  if (!oldest) return;
  const waitMs = oldest.requestedAt.getTime() - since.getTime();
  throw new AppError(TooManyAttempts, `Cannot make another export for user "${userId}" today`, {
    headers: { "retry-after": String(Math.max(1, Math.ceil(waitMs / 1_000))) },
  });
}

/** The user's copies that have not expired, the newest first, those behind the cursor. */
export async function listExports(
  platform: Platform,
  { userId }: Owner,
  { limit, cursor }: { limit: number; cursor?: string },
): Promise<{ items: AccountExport[]; page: { nextCursor: string | null; limit: number } }> {
  const scope = `exports ${userId}`;
  const before =
    cursor === undefined ? undefined : String(platform.cursors.decode(scope, cursor)[0]);
  const rows = await platform.db.run({ role: "app", userId }, (tx) =>
    tx
      .select(COLUMNS)
      .from(accountExports)
      .where(
        and(
          eq(accountExports.userId, userId),
          gt(accountExports.expiresAt, platform.now()),
          before === undefined ? undefined : lt(accountExports.id, before),
        ),
      )
      .orderBy(desc(accountExports.id))
      .limit(limit + 1),
  );
  const items = rows.slice(0, limit).map(toExport);
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.id]) : null;
  return { items, page: { nextCursor, limit } };
}

/** @throws AppError not_found for one that is not the user's, or has expired. */
export async function getExport(
  platform: Platform,
  { userId }: Owner,
  exportId: string,
): Promise<AccountExport> {
  const [row] = await platform.db.run(
    { role: "app", userId },
    (tx) =>
      tx
        .select(COLUMNS)
        .from(accountExports)
        .where(
          and(
            eq(accountExports.id, exportId),
            eq(accountExports.userId, userId),
            gt(accountExports.expiresAt, platform.now()),
          ),
        ),
    { read: true },
  );
  if (!row) throw new AppError(NotFound, `Cannot see export "${exportId}"`);
  return toExport(row);
}

/**
 * The text of a copy, piece by piece as the caller takes it, so that its length costs no memory.
 * @throws AppError reauthentication_required; not_found; export_not_ready.
 */
export async function fetchExport(
  platform: Platform,
  session: Session,
  exportId: string,
): Promise<ReadableStream<Uint8Array>> {
  await assertRecent(platform, session);
  const { state, bytes } = await getExport(platform, session, exportId);
  if (state !== "ready") throw new AppError(ExportNotReady, `Cannot fetch export "${exportId}"`);
  const { userId, sessionId } = session;
  await platform.db.run({ role: "app", userId }, (tx) =>
    recordAudit(tx, {
      action: "account.export_fetched",
      userId,
      actorId: userId,
      at: platform.now(),
      details: {},
      sessionId,
    }),
  );
  return streamChunks(platform, { userId, exportId, bytes });
}

function streamChunks(
  { db }: Platform,
  { userId, exportId, bytes }: { userId: string; exportId: string; bytes: number },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let no = 0;
  let sent = 0;
  return new ReadableStream({
    pull: async (controller) => {
      const [chunk] = await db.run(
        { role: "app", userId },
        (tx) =>
          tx
            .select({ body: accountExportChunks.body })
            .from(accountExportChunks)
            .where(and(eq(accountExportChunks.exportId, exportId), eq(accountExportChunks.no, no))),
        { read: true },
      );
      no += 1;
      if (chunk) {
        const piece = encoder.encode(chunk.body);
        sent += piece.length;
        controller.enqueue(piece);
      }
      if (sent === bytes) controller.close();
      // It was deleted meanwhile; half of it must not look like all of it.
      else if (!chunk) controller.error(new Error(`Cannot send export "${exportId}": it is gone`));
    },
  });
}

function toExport(row: Row): AccountExport {
  const { id, state, requestedAt, readyAt, expiresAt, bytes } = row;
  return {
    id,
    state,
    requestedAt: requestedAt.toISOString(),
    readyAt: readyAt?.toISOString() ?? null,
    expiresAt: expiresAt.toISOString(),
    bytes,
  };
}
