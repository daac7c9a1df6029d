import { t } from "elysia";

import { defineError } from "../../platform/errors.ts";
import { Id, object, page, PageQuery, Time } from "../../platform/schema.ts";

export const OwnAccount = defineError("own_account", 409, {
  en: "Nobody changes the rights of their own account",
  vi: "Không ai được tự thay đổi quyền của tài khoản của mình",
});

const Role = t.Union([t.Literal("user"), t.Literal("moderator"), t.Literal("admin")]);
const Tier = t.Union([t.Literal("free"), t.Literal("premium"), t.Literal("enterprise")]);

export const AdminUser = object(
  {
    id: Id,
    email: t.String({ examples: ["lan@example.com"] }),
    displayName: t.String({ examples: ["Lan"] }),
    role: Role,
    tier: Tier,
    bannedAt: t.Union([Time, t.Null()], { description: "Null where there is no ban." }),
    createdAt: Time,
  },
  { title: "AdminUser", description: "A user as staff sees them." },
);
export type AdminUser = typeof AdminUser.static;
export const AdminUserPage = page(AdminUser, { title: "AdminUserPage" });

/** There is no search by parts of a name or an address: staff looks up whom it was told of, and only admins browse. */
export const UserQuery = object({
  ...PageQuery.properties,
  id: t.Optional({ ...Id, description: "The user with this id." }),
  email: t.Optional(
    t.String({
      minLength: 1,
      maxLength: 254,
      description: "The user with exactly this address.",
      examples: ["lan@example.com"],
    }),
  ),
});

export const UserParams = object({ id: { ...Id, description: "The user." } });

export const UserPatch = object(
  {
    role: t.Optional(Role),
    tier: t.Optional(Tier),
    banned: t.Optional(
      t.Boolean({
        description: "A ban ends all sessions, and no new one begins.",
        examples: [true],
      }),
    ),
  },
  { title: "UserPatch", description: "A merge patch: what is missing stays as it is." },
);
export type UserPatch = typeof UserPatch.static;

/** What the API's document says about each operation. */
export const operations = {
  listUsers: {
    operationId: "listUsers",
    summary: "List users",
    description:
      "For staff: the user with an id or an address, who finds it in their log. Without either, for admins: all users, " +
      "the newest first, which is written into the admin's own log.",
  },
  changeUser: {
    operationId: "changeUser",
    summary: "Change a user's role, tier or ban",
    description:
      "A new role or tier counts from the user's next request on, on every instance. Moderators ban users and lift " +
      "bans; roles and tiers are for admins, and nobody changes their own. A role and a ban ask for a recent proof of who " +
      "the caller is. The last admin whose account stays is kept.",
  },
  listUserAudit: {
    operationId: "listUserAudit",
    summary: "What happened to a user's account",
    description:
      "For admins: the entries that the user sees too, newest first. The user sees that they were read.",
  },
};
