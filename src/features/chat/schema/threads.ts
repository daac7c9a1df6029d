import { t } from "elysia";

import { count, integer, object, page } from "../../../platform/schema.ts";
import { Message } from "./messages.ts";
import { MAX_UNREAD } from "./own.ts";
import { ThreadSummary } from "./thread_summary.ts";

const readSeq = count("Position up to which the caller has read the thread.", 40);

const Thread = object(
  {
    root: Message,
    ...ThreadSummary.properties,
    readSeq,
    unread: count(`Answers of others behind it, ${MAX_UNREAD} at most.`, 2),
  },
  { title: "Thread", description: "The answers to one message." },
);
export type Thread = typeof Thread.static;
export const ThreadPage = page(Thread, { title: "ThreadPage" });

export const ThreadPatch = {
  ...object(
    {
      readSeq: t.Optional({
        ...integer(0),
        description: "Position up to which it was read; what was read stays read.",
      }),
      following: t.Optional(
        t.Boolean({ description: "Whether it is listed among one's threads." }),
      ),
    },
    { title: "ThreadPatch", examples: [{ following: true }] },
  ),
  // A change of nothing is a mistake.
  minProperties: 1,
};

export const ThreadState = object(
  { readSeq, following: t.Boolean() },
  { title: "ThreadState", description: "What a thread is to the caller." },
);
export type ThreadState = typeof ThreadState.static;
export type { ThreadSummary } from "./thread_summary.ts";

/** What the API's document says about each operation. */
export const threadOperations = {
  listThreads: {
    operationId: "listThreads",
    summary: "List my threads",
    description: "The threads of a conversation that the caller follows, the last active first.",
  },
  listThreadMessages: {
    operationId: "listThreadMessages",
    summary: "List the messages of a thread",
    description: "The answers to one message, newest first.",
  },
  changeThread: {
    operationId: "changeThread",
    summary: "Follow or read a thread",
    description:
      "Who writes in a thread follows it, and so do those who are named there and the author of its first message.",
  },
};
