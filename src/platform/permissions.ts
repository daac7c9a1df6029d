/** What an account is, beside a user. */
export type AccountRole = "user" | "moderator" | "admin";

/** Everything that not every user may do. */
const PERMISSIONS = [
  "audit.read_any",
  "reports.list",
  "reports.resolve",
  "users.ban",
  "users.list",
  "users.read",
  "users.set_role",
  "users.set_tier",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** Each role's set. A route asks for a permission and never for a role, so that a set can change alone. */
const GRANTED: Record<AccountRole, ReadonlySet<Permission>> = {
  user: new Set(),
  moderator: new Set(["reports.list", "reports.resolve", "users.ban", "users.read"]),
  admin: new Set(PERMISSIONS),
};

export function hasPermission(role: AccountRole, permission: Permission): boolean {
  return GRANTED[role].has(permission);
}
