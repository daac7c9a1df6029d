import type { PersonalTable } from "../../../platform/personal_data.ts";
import { presenceSettings } from "../tables.ts";

export const PRESENCE_DATA: PersonalTable[] = [
  {
    table: presenceSettings,
    owner: presenceSettings.userId,
    exported: {
      columns: {
        visibleTo: presenceSettings.visibleTo,
        lastSeenTo: presenceSettings.lastSeenTo,
        isInvisible: presenceSettings.isInvisible,
        lastSeenAt: presenceSettings.lastSeenAt,
      },
      key: [presenceSettings.userId],
      reader: "app",
    },
    erased: { by: "deletion" },
  },
];
