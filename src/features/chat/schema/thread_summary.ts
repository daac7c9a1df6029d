import { count, object } from "../../../platform/schema.ts";

export const ThreadSummary = object(
  {
    replies: count("How many answers stand in it.", 4),
    lastSeq: count("Position of the last answer.", 57),
  },
  { title: "ThreadSummary" },
);
export type ThreadSummary = typeof ThreadSummary.static;
