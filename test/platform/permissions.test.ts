import { expect, test } from "bun:test";

import {
  type AccountRole,
  hasPermission,
  type Permission,
} from "../../src/platform/permissions.ts";

/** Who may do what, written down a second time, so that a role gains nothing by accident. */
const TABLE: Record<Permission, AccountRole[]> = {
  "audit.read_any": ["admin"],
  "reports.list": ["moderator", "admin"],
  "reports.resolve": ["moderator", "admin"],
  "users.ban": ["moderator", "admin"],
  "users.list": ["admin"],
  "users.read": ["moderator", "admin"],
  "users.set_role": ["admin"],
  "users.set_tier": ["admin"],
};
const ROLES: AccountRole[] = ["user", "moderator", "admin"];

test("each role may do what the table says, and nothing else", () => {
  for (const [permission, wanted] of Object.entries(TABLE))
    expect([
      permission,
      ROLES.filter((role) => hasPermission(role, permission as Permission)),
    ]).toEqual([permission, wanted]);
});
