import type { PersonalTable } from "../../../platform/personal_data.ts";
import { blocks } from "../tables.ts";

export const BLOCK_DATA: PersonalTable[] = [
  {
    table: blocks,
    owner: blocks.blockerId,
    alsoNames: [blocks.blockedId],
    exported: {
      columns: { blockedId: blocks.blockedId, createdAt: blocks.createdAt },
      key: [blocks.blockedId],
      reader: "app",
    },
    erased: { by: "deletion" },
  },
];
