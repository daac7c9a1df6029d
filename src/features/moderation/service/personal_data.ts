import type { PersonalTable } from "../../../platform/personal_data.ts";
import { reports } from "../tables.ts";

export const MODERATION_DATA: PersonalTable[] = [
  {
    table: reports,
    owner: reports.reporterId,
    alsoNames: [reports.reportedId, reports.resolvedBy],
    exported: {
      columns: {
        id: reports.id,
        conversationId: reports.conversationId,
        messageSeq: reports.messageSeq,
        reason: reports.reason,
        note: reports.note,
        state: reports.state,
        createdAt: reports.createdAt,
      },
      key: [reports.id],
      reader: "app",
    },
    erased: {
      by: "nothing",
      because:
        "what was reported has to be dealt with although somebody goes, and nobody escapes it by going",
      until: "180 days after it was dealt with, or 360 days after it was reported",
    },
  },
];
