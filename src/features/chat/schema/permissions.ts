import { t } from "elysia";

/**
 * What a member may do in a conversation, a bit each. A member's row holds the bits that their role gives there, so
 * that one look at it answers every question.
 */
export const Permission = {
  send: 1,
  react: 2,
  attach: 4,
  mentionAll: 8,
  pin: 16,
  invite: 32,
  removeMembers: 64,
  /** To delete what others have said, and to take their reactions away. */
  moderate: 128,
  changeSettings: 256,
  changeRoles: 512,
} as const;

/** Stands among the permissions of plain members while there is slow mode, so that a send need not look for it. */
export const WAITS = 1_024;

const ALL = 1_023;
const { send, react, attach, mentionAll, pin, invite, removeMembers, moderate, changeRoles } =
  Permission;

/** What moderators may do wherever they are; as everybody, they change only those below them. */
const MODERATOR = send | react | attach | mentionAll | pin | removeMembers | moderate | changeRoles;

/** What plain members may do unless the conversation says otherwise. */
export const MEMBER_DEFAULTS = {
  direct: send | react | attach | pin,
  group: send | react | attach,
  channel: react,
} as const;

/** What a plain member of a group or a channel can be given. */
export const GRANTABLE = send | react | attach | mentionAll | pin | invite;

export const Role = t.Union(
  [
    t.Literal("owner"),
    t.Literal("admin"),
    t.Literal("moderator"),
    t.Literal("member"),
    t.Literal("reader"),
  ],
  {
    description:
      "An owner and admins may do everything, moderators keep order, members do what the conversation lets them, and readers only read. Each is above the next: everybody changes only those below themselves, and makes nobody more than that.",
    examples: ["member"],
  },
);
export type Role = typeof Role.static;

/** The bits that a role gives where this is what plain members have. */
export function permissionsOf(
  role: Role,
  { memberPermissions, slowModeSeconds }: { memberPermissions: number; slowModeSeconds: number },
): number {
  switch (role) {
    case "owner":
    case "admin":
      return ALL;
    case "moderator":
      return memberPermissions | MODERATOR;
    case "member":
      return memberPermissions | (slowModeSeconds > 0 ? WAITS : 0);
    case "reader":
      return 0;
  }
}

/** From the lowest to the highest. */
const RANKS: readonly Role[] = ["reader", "member", "moderator", "admin", "owner"];

/** Whether who has one role may change who has the other, or make somebody that. */
export function isAbove(role: Role, other: Role): boolean {
  return RANKS.indexOf(role) > RANKS.indexOf(other);
}
