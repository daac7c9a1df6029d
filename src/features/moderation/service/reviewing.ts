import { and, desc, eq, getTableColumns, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { recordAudit } from "../../audit/mod.ts";
import type { ListedReport, ReportDetails } from "../schema.ts";
import { reports } from "../tables.ts";

export type ReportRow = typeof reports.$inferSelect;
type ListedRow = Omit<ReportRow, "snapshot" | "note" | "resolution">;

/** Reports that staff may see, the newest first, those behind the cursor. */
export async function listReports(
  platform: Platform,
  staffId: string,
  input: { state?: "open" | "resolved"; limit: number; cursor?: string },
): Promise<{ items: ListedReport[]; page: { nextCursor: string | null; limit: number } }> {
  const { state, limit, cursor } = input;
  const scope = `reports ${staffId} ${state ?? "all"}`;
  const [at, id] = cursor === undefined ? [] : platform.cursors.decode(scope, cursor);
  const behind =
    at === undefined
      ? undefined
      : sql`(${reports.createdAt}, ${reports.id}) < (${at}::timestamptz, ${id}::uuid)`;
  const { snapshot: _, note: __, resolution: ___, ...columns } = getTableColumns(reports);
  const rows: ListedRow[] = await platform.db.run(
    { role: "app", userId: staffId },
    (tx) =>
      tx
        .select(columns)
        .from(reports)
        .where(and(state === undefined ? undefined : eq(reports.state, state), behind))
        .orderBy(desc(reports.createdAt), desc(reports.id))
        .limit(limit + 1),
    { read: true },
  );
  const items = rows.slice(0, limit).map(toListed);
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.createdAt, last.id]) : null;
  return { items, page: { nextCursor, limit } };
}

/** A report with what was said. Staff finds every look that it takes in its own log. @throws AppError not_found. */
export async function getReport(
  platform: Platform,
  staffId: string,
  reportId: string,
): Promise<ReportDetails> {
  return await platform.db.run({ role: "app", userId: staffId }, async (tx) => {
    const row = await readReport(tx, reportId);
    await recordAudit(tx, {
      action: "admin.report_viewed",
      userId: staffId,
      actorId: staffId,
      at: platform.now(),
      details: { report: reportId },
    });
    return toDetails(row);
  });
}

/** @throws AppError not_found for what is not there, or not for this one of staff. */
export async function readReport(tx: Transaction, reportId: string): Promise<ReportRow> {
  const [row] = await tx.select().from(reports).where(eq(reports.id, reportId));
  if (!row) throw new AppError(NotFound, `Cannot see report "${reportId}"`);
  return row;
}

function toListed(row: ListedRow): ListedReport {
  const { id, state, reason, conversationId, messageSeq, reporterId, reportedId, action } = row;
  return {
    id,
    state,
    reason,
    conversationId,
    seq: messageSeq,
    reporterId,
    reportedId,
    createdAt: row.createdAt.toISOString(),
    action,
    resolvedAt: row.resolvedAt?.toISOString() ?? null,
  };
}

export function toDetails(row: ReportRow): ReportDetails {
  const { note, resolution, snapshot } = row;
  return { ...toListed(row), note, resolution, messages: snapshot };
}
