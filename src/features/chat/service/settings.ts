import { eq, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound, ValidationFailed } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { ConversationPatch } from "../schema/conversations.ts";
import { GRANTABLE, permissionsOf } from "../schema/permissions.ts";
import { conversationSettings } from "../tables/conversations.ts";
import { appendEvent } from "./append.ts";
import { assertPermitted, holdMembers } from "./standing.ts";

/** Rarely done, and not to be given up half-way, where 100,000 members are written on a busy machine. */
const CHANGE_TIMEOUT_MS = 30_000;

export type SettingsRow = typeof conversationSettings.$inferSelect;

/** @throws Error for two people, who have none. */
export async function readSettings(tx: Transaction, conversationId: string): Promise<SettingsRow> {
  const [settings] = await tx
    .select()
    .from(conversationSettings)
    .where(eq(conversationSettings.conversationId, conversationId));
  if (!settings) throw new Error(`Cannot find the settings of "${conversationId}"`);
  return settings;
}

/** What members are told of the settings, always all of them. */
export function settingsData(row: SettingsRow): Omit<SettingsRow, "conversationId"> {
  const { name, description, history, memberPermissions, slowModeSeconds } = row;
  return { name, description, history, memberPermissions, slowModeSeconds };
}

/**
 * Changes how a group or a channel presents itself and what its plain members may do. The latter holds for all of them
 * at the commit. Nothing happens where nothing changes. @throws AppError forbidden, not_a_group, not_found.
 */
export async function changeSettings(
  platform: Platform,
  input: { userId: string; conversationId: string; patch: ConversationPatch },
): Promise<void> {
  const { userId, conversationId, patch } = input;
  if (((patch.memberPermissions ?? 0) & ~GRANTABLE) !== 0) throw notGrantable();
  const publication = await platform.db.run(
    { role: "app", userId },
    async (tx) => {
      const standing = await holdMembers(tx, conversationId);
      assertPermitted(standing, "changeSettings");
      const before = await readSettings(tx, conversationId);
      const after = { ...before, ...patch };
      if (Bun.deepEquals(before, after)) return undefined;
      const [changed] = await tx
        .update(conversationSettings)
        .set(patch)
        .where(eq(conversationSettings.conversationId, conversationId))
        .returning();
      // Taken from the actor between two looks.
      if (!changed) throw new AppError(NotFound, `Cannot change "${conversationId}"`);
      if (permissionsOf("member", before) !== permissionsOf("member", after))
        await givePermissions(tx, changed);
      const { publication } = await appendEvent(tx, {
        conversationId,
        actorId: userId,
        kind: "conv",
        data: { op: "update", kind: standing.kind, ...settingsData(changed) },
        now: platform.now(),
      });
      return publication;
    },
    { timeoutMs: CHANGE_TIMEOUT_MS },
  );
  if (publication) platform.outbox.publish([publication]);
}

/**
 * Of 100,000 members in one statement, which the policies would ask about each of them; the function asks once. Moderators
 * have at least what plain members have.
 */
async function givePermissions(tx: Transaction, settings: SettingsRow): Promise<void> {
  const member = permissionsOf("member", settings);
  const moderator = permissionsOf("moderator", settings);
  await tx.execute(sql`select set_config('statement_timeout', ${String(CHANGE_TIMEOUT_MS)}, true)`);
  await tx.execute(
    sql`select app.give_permissions(${settings.conversationId}::uuid, ${member}::int, ${moderator}::int)`,
  );
}

function notGrantable(): AppError {
  const message = {
    en: "has a bit that plain members cannot have",
    vi: "có quyền không thể trao cho thành viên",
  };
  return new AppError(ValidationFailed, "Cannot give plain members such a permission", {
    errors: [{ pointer: "/memberPermissions", code: "not_grantable", message }],
  });
}
