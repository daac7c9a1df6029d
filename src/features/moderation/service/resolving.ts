import { and, eq, inArray, isNull } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError } from "../../../platform/errors.ts";
import type { Publication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import { changeUser } from "../../admin/mod.ts";
import { recordAudit } from "../../audit/mod.ts";
import type { Session } from "../../auth/mod.ts";
import { accounts } from "../../auth/tables.ts";
import { takeOutMessage } from "../../chat/mod.ts";
import { appendUserEvents, userEvent } from "../../realtime/mod.ts";
import {
  ReportClosed,
  type ReportDetails,
  ReportResolved,
  type Resolution,
  Warned,
} from "../schema.ts";
import { reports } from "../tables.ts";
import { readReport, type ReportRow, toDetails } from "./reviewing.ts";

/**
 * Deals with a report. What it does comes first and may be done twice; the report is closed last, once, so that nothing
 * that ends in between leaves it closed without its effect.
 * @throws AppError not_found, report_resolved, and what a ban may throw.
 */
export async function resolveReport(
  platform: Platform,
  session: Session,
  input: { reportId: string; resolution: Resolution },
): Promise<ReportDetails> {
  const { userId } = session;
  const { reportId, resolution } = input;
  const actor = { role: "app", userId } as const;
  const report = await platform.db.run(actor, (tx) => readReport(tx, reportId));
  if (report.state !== "open") throw resolved(reportId);
  if (resolution.action === "ban_user")
    await changeUser(platform, session, { userId: report.reportedId, patch: { banned: true } });
  if (resolution.action === "delete_message")
    await takeOutMessage(platform, { ...report, seq: report.messageSeq });
  const { row, published } = await platform.db.run(actor, async (tx) => {
    const closed = await close(tx, { reportId, resolution, staffId: userId, now: platform.now() });
    return { row: closed, published: await tell(tx, closed, platform.now()) };
  });
  platform.outbox.publish(published);
  return toDetails(row);
}

function resolved(reportId: string): AppError {
  return new AppError(ReportResolved, `Cannot deal with report "${reportId}": it is resolved`);
}

interface Closing {
  reportId: string;
  resolution: Resolution;
  staffId: string;
  now: Date;
}

/** The first one who closes it has closed it. */
async function close(tx: Transaction, input: Closing): Promise<ReportRow> {
  const { reportId, resolution, staffId, now } = input;
  const { action } = resolution;
  const [row] = await tx
    .update(reports)
    .set({
      state: "resolved",
      action,
      resolution: resolution.note ?? null,
      resolvedBy: staffId,
      resolvedAt: now,
    })
    .where(and(eq(reports.id, reportId), eq(reports.state, "open")))
    .returning();
  if (!row) throw resolved(reportId);
  await recordAudit(tx, {
    action: "admin.report_resolved",
    userId: staffId,
    actorId: staffId,
    at: now,
    details: { report: reportId, action },
  });
  // A ban writes its own entry; who is not touched by it need not know that they were reported.
  const signature = { userId: row.reportedId, actorId: staffId, at: now };
  const details = { reason: row.reason };
  if (action === "delete_message")
    await recordAudit(tx, { ...signature, action: "admin.message_deleted", details });
  if (action === "warn") await recordAudit(tx, { ...signature, action: "admin.warned", details });
  return row;
}

/** Whoever has no account any more is told nothing. */
async function tell(tx: Transaction, row: ReportRow, now: Date): Promise<Publication[]> {
  const { id, reporterId, reportedId, conversationId, messageSeq, reason, action } = row;
  const present = await tx
    .select({ userId: accounts.userId })
    .from(accounts)
    .where(and(inArray(accounts.userId, [reporterId, reportedId]), isNull(accounts.bannedAt)));
  const isThere = (userId: string) => present.some((account) => account.userId === userId);
  const told = [];
  if (isThere(reporterId))
    told.push(
      userEvent(reporterId, ReportClosed, { reportId: id, hadEffect: action !== "dismiss" }),
    );
  if (action === "warn" && isThere(reportedId))
    told.push(userEvent(reportedId, Warned, { conversationId, messageSeq, reason }));
  return await appendUserEvents(tx, told, now);
}
