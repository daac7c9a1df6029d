import type { PersonalTable } from "../../../platform/personal_data.ts";
import { accountExportChunks, accountExports, accountTokens, emailChanges } from "../tables.ts";

export const ACCOUNT_DATA: PersonalTable[] = [
  {
    table: accountTokens,
    owner: accountTokens.userId,
    exported: {
      columns: {
        id: accountTokens.id,
        purpose: accountTokens.purpose,
        expiresAt: accountTokens.expiresAt,
      },
      key: [accountTokens.id],
      reader: "system",
    },
    erased: { by: "deletion" },
  },
  {
    table: emailChanges,
    owner: emailChanges.userId,
    exported: {
      columns: {
        oldEmail: emailChanges.oldEmail,
        newEmail: emailChanges.newEmail,
        expiresAt: emailChanges.expiresAt,
      },
      key: [emailChanges.id],
      reader: "system",
    },
    erased: { by: "deletion" },
  },
  {
    table: accountExportChunks,
    owner: accountExportChunks.userId,
    exported: { nothing: "It holds this very copy." },
    erased: { by: "deletion" },
  },
  {
    table: accountExports,
    owner: accountExports.userId,
    exported: {
      columns: {
        id: accountExports.id,
        state: accountExports.state,
        requestedAt: accountExports.requestedAt,
        readyAt: accountExports.readyAt,
        expiresAt: accountExports.expiresAt,
      },
      key: [accountExports.id],
      reader: "app",
    },
    erased: { by: "deletion" },
  },
];
