import type { PersonalTable } from "../../../platform/personal_data.ts";
import { userEvents, userStreams } from "../tables.ts";

export const REALTIME_DATA: PersonalTable[] = [
  {
    table: userEvents,
    owner: userEvents.userId,
    exported: {
      columns: {
        seq: userEvents.seq,
        kind: userEvents.kind,
        data: userEvents.data,
        createdAt: userEvents.createdAt,
      },
      key: [userEvents.seq],
      reader: "system",
    },
    erased: { by: "deletion" },
  },
  {
    table: userStreams,
    owner: userStreams.userId,
    exported: { nothing: "the number of the events above" },
    erased: { by: "deletion" },
  },
];
