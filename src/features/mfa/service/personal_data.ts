import type { PersonalTable } from "../../../platform/personal_data.ts";
import { recoveryCodes, totpSecrets } from "../tables.ts";

export const MFA_DATA: PersonalTable[] = [
  {
    table: totpSecrets,
    owner: totpSecrets.userId,
    exported: {
      columns: { confirmedAt: totpSecrets.confirmedAt },
      key: [totpSecrets.userId],
      reader: "app",
    },
    erased: { by: "deletion" },
  },
  {
    table: recoveryCodes,
    owner: recoveryCodes.userId,
    exported: { nothing: "It holds only what recognises your recovery codes." },
    erased: { by: "deletion" },
  },
];
