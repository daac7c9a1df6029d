import { eq, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, Forbidden, NotFound } from "../../../platform/errors.ts";
import { hasPermission, type Permission } from "../../../platform/permissions.ts";
import type { Platform } from "../../../platform/platform.ts";
import { recordAudit } from "../../audit/mod.ts";
import {
  announceChanged,
  announceEnded,
  assertOtherAdmin,
  assertRecent,
  type Changed,
  type Ended,
  endWithin,
  holdRights,
  noteChanged,
  type Session,
} from "../../auth/mod.ts";
import { accounts } from "../../auth/tables.ts";
import { type AdminUser, OwnAccount, type UserPatch } from "../schema.ts";
import { findUser, noteViewed, toAdminUser } from "./users.ts";

const NEEDED: Record<keyof UserPatch, Permission> = {
  role: "users.set_role",
  tier: "users.set_tier",
  banned: "users.ban",
};

interface Outcome {
  user: AdminUser;
  ended?: Ended;
  changed?: Changed;
}

/**
 * Changes a user's role, tier or ban. From their next request on it counts on every instance; their sockets close, after
 * a ban for good, and otherwise to come back with what they may do now.
 * @throws AppError own_account, forbidden, not_found, last_admin, or reauthentication_required before a change of a role or a
 * ban.
 */
export async function changeUser(
  platform: Platform,
  session: Session,
  { userId, patch }: { userId: string; patch: UserPatch },
): Promise<AdminUser> {
  assertPermitted(session, patch);
  if (userId === session.userId)
    throw new AppError(OwnAccount, `Cannot change user "${userId}": it is their own account`);
  // Who holds the unlocked device of staff for a moment must neither be able to stay, nor to shut anybody out.
  if (patch.role !== undefined || patch.banned !== undefined) await assertRecent(platform, session);
  const actor = { role: "app", userId: session.userId } as const;
  const outcome = await platform.db.run(actor, async (tx) => {
    await holdRights(tx);
    return await change(tx, { actorId: session.userId, userId, patch, now: platform.now() });
  });
  if (outcome.ended) await announceEnded(platform, outcome.ended);
  if (outcome.changed) await announceChanged(platform, outcome.changed);
  return outcome.user;
}

function assertPermitted(session: Session, patch: UserPatch): void {
  for (const [field, permission] of Object.entries(NEEDED))
    if (patch[field as keyof UserPatch] !== undefined && !hasPermission(session.role, permission))
      throw new AppError(
        Forbidden,
        `Cannot change the ${field} of a user: it takes "${permission}"`,
      );
}

interface Change {
  actorId: string;
  userId: string;
  patch: UserPatch;
  now: Date;
}

async function change(tx: Transaction, input: Change): Promise<Outcome> {
  const { userId, patch, now } = input;
  const before = await findUser(tx, userId);
  if (!before) throw new AppError(NotFound, `Cannot see user "${userId}"`);
  const { role = before.role, tier = before.tier, banned = before.bannedAt !== null } = patch;
  const bannedAt = banned ? (before.bannedAt ?? now) : null;
  const after = { ...before, role, tier, bannedAt };
  const actions = listActions(before, after);
  if (actions.length === 0) {
    // It changes nothing, but it shows the account all the same.
    await noteViewed(tx, signatureOf(input));
    return { user: toAdminUser(before) };
  }
  const version = await update(tx, userId, { role, tier, bannedAt });
  // The actor is an admin who stays, unless their account is going to be erased.
  if (losesAdmin(before, after)) await assertOtherAdmin(tx, userId);
  for (const record of actions) await record(tx, input);
  const user = toAdminUser(after);
  if (banned && before.bannedAt === null)
    return { user, ended: await endWithin(tx, { userId, which: "all", now }) };
  return { user, changed: await noteChanged(tx, { userId, version, now }) };
}

function losesAdmin(before: Rights, after: Rights): boolean {
  const [was, is] = [before, after].map((it) => it.role === "admin" && it.bannedAt === null);
  return was === true && is !== true;
}

type Rights = Pick<typeof accounts.$inferSelect, "role" | "tier" | "bannedAt">;

/** The policies say whose rights the actor may change, in the statement that changes them. */
async function update(tx: Transaction, userId: string, rights: Rights): Promise<number> {
  const [row] = await tx
    .update(accounts)
    .set({ ...rights, version: sql`${accounts.version} + 1` })
    .where(eq(accounts.userId, userId))
    .returning({ version: accounts.version });
  if (!row) throw new AppError(Forbidden, `Cannot change user "${userId}": they stand too high`);
  return row.version;
}

type Write = (tx: Transaction, input: Change) => Promise<void>;

/** What is to be written into the log, for each of the rights that differ. */
function listActions(before: Rights, after: Rights): Write[] {
  const list: Write[] = [];
  if (before.role !== after.role)
    list.push((tx, input) =>
      recordAudit(tx, {
        ...signatureOf(input),
        action: "admin.role_changed",
        details: { from: before.role, to: after.role },
      }),
    );
  if (before.tier !== after.tier)
    list.push((tx, input) =>
      recordAudit(tx, {
        ...signatureOf(input),
        action: "admin.tier_changed",
        details: { from: before.tier, to: after.tier },
      }),
    );
  if ((before.bannedAt === null) !== (after.bannedAt === null)) {
    const action = after.bannedAt === null ? "admin.unbanned" : "admin.banned";
    list.push((tx, input) => recordAudit(tx, { ...signatureOf(input), action, details: {} }));
  }
  return list;
}

function signatureOf({ userId, actorId, now }: Change) {
  return { userId, actorId, at: now };
}
