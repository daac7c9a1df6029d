import type { Platform } from "../../../platform/platform.ts";
import { listAudit, recordAudit } from "../../audit/mod.ts";
import type { Session } from "../../auth/mod.ts";

/** What happened to somebody's account; that it was read is written into the same log, behind what was read. */
export async function listAuditOf(
  platform: Platform,
  { userId: actorId }: Session,
  input: { userId: string; limit: number; cursor?: string },
): ReturnType<typeof listAudit> {
  const { userId } = input;
  return await listAudit(platform, { ...input, readerId: actorId }, async (tx, isThere) => {
    if (!isThere || userId === actorId) return;
    const at = platform.now();
    await recordAudit(tx, { action: "admin.audit_viewed", userId, actorId, at, details: {} });
  });
}
