import type { PersonalTable } from "../../../platform/personal_data.ts";
import { accounts, sessions, users } from "../tables.ts";

/** The account goes last, because the policies let nobody be erased who has none that is marked for it. */
export const AUTH_DATA: PersonalTable[] = [
  {
    table: sessions,
    owner: sessions.userId,
    exported: {
      columns: {
        id: sessions.id,
        device: sessions.device,
        network: sessions.network,
        methods: sessions.methods,
        createdAt: sessions.createdAt,
        authenticatedAt: sessions.authenticatedAt,
        refreshedAt: sessions.refreshedAt,
        lastSeenAt: sessions.lastSeenAt,
        expiresAt: sessions.expiresAt,
        revokedAt: sessions.revokedAt,
      },
      key: [sessions.id],
      reader: "app",
    },
    erased: { by: "deletion" },
  },
  {
    table: users,
    owner: users.id,
    exported: {
      columns: {
        id: users.id,
        displayName: users.displayName,
        createdAt: users.createdAt,
        closedAt: users.closedAt,
      },
      key: [users.id],
      reader: "app",
    },
    erased: { by: "anonymizing", set: (at) => ({ displayName: "", erasedAt: at }) },
  },
  {
    table: accounts,
    owner: accounts.userId,
    exported: {
      columns: {
        email: accounts.email,
        emailVerifiedAt: accounts.emailVerifiedAt,
        role: accounts.role,
        tier: accounts.tier,
        locale: accounts.locale,
        bannedAt: accounts.bannedAt,
        deletionRequestedAt: accounts.deletionRequestedAt,
        deletionDueAt: accounts.deletionDueAt,
        erasingSince: accounts.erasingSince,
      },
      key: [accounts.userId],
      reader: "app",
    },
    erased: { by: "deletion" },
  },
];
