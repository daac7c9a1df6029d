import { and, eq, isNull, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound, ValidationFailed } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { ConversationPatch } from "../schema/conversations.ts";
import { GRANTABLE, permissionsOf } from "../schema/permissions.ts";
import { conversationMembers, conversationSettings } from "../tables/conversations.ts";
import { appendEvent } from "./append.ts";
import { assertPermitted, holdMembers } from "./standing.ts";

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
  const publication = await platform.db.run({ role: "app", userId }, async (tx) => {
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
  });
  if (publication) platform.outbox.publish([publication]);
}

/** Moderators have at least what plain members have. */
async function givePermissions(tx: Transaction, settings: SettingsRow): Promise<void> {
  const { role } = conversationMembers;
  const member = permissionsOf("member", settings);
  const moderator = permissionsOf("moderator", settings);
  await tx
    .update(conversationMembers)
    .set({
      permissions: sql`case when ${role} = 'member' then ${member}::int else ${moderator}::int end`,
    })
    .where(
      and(
        eq(conversationMembers.conversationId, settings.conversationId),
        isNull(conversationMembers.leftSeq),
        sql`${role} in ('member', 'moderator')`,
      ),
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
