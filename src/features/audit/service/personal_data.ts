import type { PersonalTable } from "../../../platform/personal_data.ts";
import { auditEntries } from "../tables.ts";

export const AUDIT_DATA: PersonalTable[] = [
  {
    table: auditEntries,
    owner: auditEntries.userId,
    // Who of our people it was stays for us to know, as everywhere.
    alsoNames: [auditEntries.actorId],
    exported: {
      columns: {
        id: auditEntries.id,
        action: auditEntries.action,
        sessionId: auditEntries.sessionId,
        network: auditEntries.network,
        data: auditEntries.data,
        createdAt: auditEntries.createdAt,
      },
      key: [auditEntries.id],
      reader: "app",
    },
    erased: {
      by: "nothing",
      because:
        "the log proves who did what to accounts, and nobody can delete from it, us included",
      until: "the log of that time is deleted as a whole by who owns the database",
    },
  },
];
