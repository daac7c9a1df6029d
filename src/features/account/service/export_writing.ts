import { and, eq, inArray, lt, lte, ne, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { JobRefused } from "../../../platform/queue/definition.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { ExportMail } from "../schema/credentials.ts";
import { accountExportChunks, accountExports } from "../tables.ts";
import { isExported, isWithheld, listPages, nameOf } from "./export_rows.ts";
import { EXPORT_LIFE_MS } from "./exports.ts";
import { PERSONAL_DATA } from "./registry.ts";

const SYSTEM = { role: "system" } as const;
const CHUNK_CHARACTERS = 262_144;
/** Years of talk; whoever has said more is served by hand. */
const MAX_BYTES = 268_435_456;
/** A copy that is not written by then never will be: every attempt at it is over. */
const MAX_WRITING_MS = 7_200_000;
/** The rows of those that have expired are kept so long, because they count for the limit of a day. */
const COUNTED_MS = 86_400_000;
const MAX_SWEPT = 100;

interface Writing {
  exportId: string;
  signal: AbortSignal;
}

/** The right to write an export, which the next attempt takes away. */
interface Hold {
  exportId: string;
  userId: string;
  attempt: string;
}

/**
 * Writes the copy from its beginning, whatever an attempt before has left of it. What the attempt before may still be
 * writing comes to nothing.
 */
export async function writeExport(
  platform: WorkerPlatform,
  { exportId, signal }: Writing,
): Promise<void> {
  const attempt = Bun.randomUUIDv7();
  const hold = await platform.db.run(SYSTEM, (tx) => take(tx, { exportId, attempt }));
  // It has expired, was written already, or went with its user.
  if (!hold) return;
  let no = 0;
  let bytes = 0;
  for await (const body of pieces(listTexts(platform, hold.userId))) {
    signal.throwIfAborted();
    bytes += Buffer.byteLength(body);
    if (bytes > MAX_BYTES) {
      await platform.db.run(SYSTEM, (tx) => end(tx, hold, { state: "failed" }));
      throw new JobRefused(
        `Cannot write export "${exportId}": it has more than ${MAX_BYTES} bytes`,
      );
    }
    const chunk = { exportId, no, userId: hold.userId, body };
    if (!(await platform.db.run(SYSTEM, (tx) => write(tx, hold, chunk)))) return;
    no += 1;
  }
  const readyAt = platform.now();
  const expiresAt = new Date(readyAt.getTime() + EXPORT_LIFE_MS);
  await platform.db.run(SYSTEM, async (tx) => {
    if (!(await end(tx, hold, { state: "ready", readyAt, expiresAt, bytes }))) return;
    await replaceOlder(tx, hold, readyAt);
    await enqueue(tx, ExportMail, { userId: hold.userId, expiresAt: expiresAt.toISOString() });
  });
}

async function take(
  tx: Transaction,
  { exportId, attempt }: { exportId: string; attempt: string },
): Promise<Hold | undefined> {
  const [taken] = await tx
    .update(accountExports)
    .set({ attempt })
    .where(and(eq(accountExports.id, exportId), eq(accountExports.state, "waiting")))
    .returning({ userId: accountExports.userId });
  if (!taken) return undefined;
  await tx.delete(accountExportChunks).where(eq(accountExportChunks.exportId, exportId));
  return { exportId, attempt, userId: taken.userId };
}

/** Adds a chunk while the hold lasts; the lock keeps another attempt from taking it in between. */
async function write(
  tx: Transaction,
  hold: Hold,
  chunk: typeof accountExportChunks.$inferInsert,
): Promise<boolean> {
  const held = await tx
    .select({ id: accountExports.id })
    .from(accountExports)
    .where(isHeld(hold))
    .for("share");
  if (held.length === 0) return false;
  await tx.insert(accountExportChunks).values(chunk);
  return true;
}

async function end(
  tx: Transaction,
  hold: Hold,
  set: Partial<typeof accountExports.$inferInsert>,
): Promise<boolean> {
  const ended = await tx
    .update(accountExports)
    .set({ ...set, attempt: null })
    .where(isHeld(hold))
    .returning({ id: accountExports.id });
  return ended.length > 0;
}

function isHeld({ exportId, attempt }: Hold) {
  return and(
    eq(accountExports.id, exportId),
    eq(accountExports.attempt, attempt),
    eq(accountExports.state, "waiting"),
  );
}

/** A user keeps one copy with us. */
async function replaceOlder(tx: Transaction, { exportId, userId }: Hold, at: Date): Promise<void> {
  await tx
    .update(accountExports)
    .set({ expiresAt: at })
    .where(
      and(
        eq(accountExports.userId, userId),
        ne(accountExports.id, exportId),
        ne(accountExports.state, "waiting"),
        sql`${accountExports.expiresAt} > ${at.toISOString()}::timestamptz`,
      ),
    );
  await tx
    .delete(accountExportChunks)
    .where(and(eq(accountExportChunks.userId, userId), ne(accountExportChunks.exportId, exportId)));
}

/** Gives up copies that nobody writes any more, and deletes those that have expired. */
export async function sweepExports({ db, now }: WorkerPlatform): Promise<void> {
  const before = (ms: number) => new Date(now().getTime() - ms);
  await db.run(SYSTEM, (tx) =>
    tx
      .update(accountExports)
      .set({ state: "failed", attempt: null })
      .where(
        and(
          eq(accountExports.state, "waiting"),
          lt(accountExports.requestedAt, before(MAX_WRITING_MS)),
        ),
      ),
  );
  await db.run(SYSTEM, async (tx) => {
    const expired = tx
      .select({ id: accountExports.id })
      .from(accountExports)
      .where(
        and(
          lte(accountExports.expiresAt, now()),
          sql`exists (select 1 from app.account_export_chunks c where c.export_id = ${accountExports.id})`,
        ),
      )
      .limit(MAX_SWEPT);
    await tx.delete(accountExportChunks).where(inArray(accountExportChunks.exportId, expired));
    const forgotten = tx
      .select({ id: accountExports.id })
      .from(accountExports)
      .where(lte(accountExports.expiresAt, before(COUNTED_MS)))
      .limit(MAX_SWEPT);
    await tx.delete(accountExports).where(inArray(accountExports.id, forgotten));
  });
}

/** The document, in texts of which none is longer than a page of rows. */
async function* listTexts(platform: WorkerPlatform, userId: string): AsyncGenerator<string> {
  const head = { format: "frm-ai.account", version: 1, createdAt: platform.now(), userId };
  yield `${JSON.stringify(head).slice(0, -1)},"tables":{`;
  let isFirstTable = true;
  for (const policy of PERSONAL_DATA.filter(isExported)) {
    yield `${isFirstTable ? "" : ","}\n${JSON.stringify(nameOf(policy))}:[`;
    isFirstTable = false;
    let isFirstRow = true;
    for await (const rows of listPages(platform, policy, userId)) {
      const texts = rows.map((row) => `\n${JSON.stringify(row)}`);
      yield `${isFirstRow ? "" : ","}${texts.join()}`;
      isFirstRow = false;
    }
    yield "]";
  }
  const withheld = PERSONAL_DATA.filter(isWithheld).map((policy) => [
    nameOf(policy),
    policy.exported.nothing,
  ]);
  yield `},\n"withheld":${JSON.stringify(Object.fromEntries(withheld))}}\n`;
}

/** Puts texts together until there is enough for a chunk. */
async function* pieces(texts: AsyncGenerator<string>): AsyncGenerator<string> {
  let body = "";
  for await (const text of texts) {
    body += text;
    if (body.length < CHUNK_CHARACTERS) continue;
    yield body;
    body = "";
  }
  if (body !== "") yield body;
}
