import { sql } from "drizzle-orm";

import { AppError, Forbidden, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { NotReachable } from "../../blocks/mod.ts";

/** Why nothing was stored: a stranger learns nothing, and of two people neither learns who has blocked whom. */
export async function refusalOf(
  platform: Platform,
  { userId, conversationId }: { userId: string; conversationId: string },
): Promise<AppError> {
  const [row] = await platform.db.run(
    { role: "app", userId },
    (tx) =>
      tx.execute<{ kind: string }>(sql`
        select c.kind from app.conversations c
        where c.id = ${conversationId}::uuid and app.conversation_role(c.id) is not null`),
    { read: true },
  );
  const text = `Cannot send to conversation "${conversationId}"`;
  if (!row) return new AppError(NotFound, text);
  return new AppError(row.kind === "direct" ? NotReachable : Forbidden, text);
}
