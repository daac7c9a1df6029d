import { t } from "elysia";

import { defineError } from "../../platform/errors.ts";
import { defineJob } from "../../platform/queue/definition.ts";
import { defineUserEvent } from "../../platform/realtime/user_events.ts";
import { count, Id, object, page, PageQuery, text, Time } from "../../platform/schema.ts";

/** More in a day is not reporting any more, but work for staff. */
export const MAX_REPORTS_A_DAY = 20;
/** Messages before the one that is reported, and behind it, that staff sees with it. */
export const SNAPSHOT_AROUND = 5;
/** What each of them said before, the newest first. */
export const SNAPSHOT_EDITS = 10;
const MAX_NOTE_CHARACTERS = 1_000;

export const OwnMessage = defineError("own_message", 409, {
  en: "Nobody reports what they have said themselves",
  vi: "Không thể báo cáo tin nhắn của chính mình",
});
export const ReportResolved = defineError("report_resolved", 409, {
  en: "The report is dealt with already",
  vi: "Báo cáo đã được xử lý",
});

const Reason = t.Union([
  t.Literal("spam"),
  t.Literal("scam"),
  t.Literal("harassment"),
  t.Literal("hate"),
  t.Literal("sexual"),
  t.Literal("violence"),
  t.Literal("other"),
]);
const State = t.Union([t.Literal("open"), t.Literal("resolved")]);
const Action = t.Union([
  t.Literal("dismiss"),
  t.Literal("delete_message"),
  t.Literal("warn"),
  t.Literal("ban_user"),
]);
export type Action = typeof Action.static;

const seq = count("Position of the message in the conversation.", 42);

export const NewReport = object(
  {
    conversationId: Id,
    seq: t.Integer({
      minimum: 1,
      description: "Position of the message in the conversation.",
      examples: [42],
    }),
    reason: Reason,
    note: t.Optional(text(MAX_NOTE_CHARACTERS, { examples: ["Asks for my password"] })),
  },
  { title: "NewReport" },
);
export type NewReport = typeof NewReport.static;

export const Report = object(
  { id: Id, conversationId: Id, seq, reason: Reason, state: State, createdAt: Time },
  { title: "Report", description: "A message that the caller has reported." },
);
export type Report = typeof Report.static;

const listed = {
  id: Id,
  state: State,
  reason: Reason,
  conversationId: Id,
  seq,
  reporterId: Id,
  reportedId: { ...Id, description: "Who has sent the message." },
  createdAt: Time,
  action: t.Union([Action, t.Null()], { description: "What was done; null while it is open." }),
  resolvedAt: t.Union([Time, t.Null()]),
};
export const ListedReport = object(listed, {
  title: "ListedReport",
  description: "A report as staff sees it in a list, without what was said.",
});
export type ListedReport = typeof ListedReport.static;
export const ReportPage = page(ListedReport, { title: "ReportPage" });

const SnapshotMessage = object({
  id: Id,
  seq: count("Position in the conversation.", 41),
  senderId: Id,
  body: t.String({ examples: ["Good morning"] }),
  createdAt: Time,
  rev: count("How often it was changed.", 0),
  editedAt: t.Union([Time, t.Null()]),
  deletedAt: t.Union([Time, t.Null()]),
  replySeq: t.Union([t.Integer(), t.Null()], { examples: [null] }),
  attachments: t.Array(object({ id: Id })),
  edits: t.Array(
    object({
      rev: t.Integer({ examples: [0] }),
      body: t.String({ examples: ["Good mornin"] }),
      replacedAt: Time,
    }),
    {
      description: "What it said before, the newest first.",
    },
  ),
});

export const ReportDetails = object(
  {
    ...listed,
    note: t.String({
      description: "What the reporter added; may be empty.",
      examples: ["Asks for my password"],
    }),
    resolution: t.Union([t.String(), t.Null()], {
      description: "What staff noted.",
      examples: ["An advertisement"],
    }),
    messages: t.Array(SnapshotMessage, {
      description:
        "The message and up to five on either side, as the reporter could read them at that time.",
    }),
  },
  { title: "ReportDetails" },
);
export type ReportDetails = typeof ReportDetails.static;

export const ReportQuery = object({
  ...PageQuery.properties,
  state: t.Optional({ ...State, description: "Only those that stand so." }),
});
export const ReportParams = object({ id: { ...Id, description: "The report." } });

export const Resolution = object(
  {
    action: Action,
    note: t.Optional(text(MAX_NOTE_CHARACTERS, { examples: ["An advertisement"] })),
  },
  { title: "Resolution" },
);
export type Resolution = typeof Resolution.static;

export const ReportClosed = defineUserEvent("report.resolved", {
  meaning: "staff has dealt with what the user had reported",
  data: object({
    reportId: Id,
    hadEffect: t.Boolean({ description: "Whether anything was done about it." }),
  }),
});
export const Warned = defineUserEvent("moderation.warning", {
  meaning: "staff warns the user about something that they have said",
  data: object({ conversationId: Id, messageSeq: t.Integer(), reason: Reason }),
});

/** Deletes reports that were dealt with long ago. */
export const SweepReports = defineJob("moderation.sweep_reports", { payload: object({}) });

/** What the API's document says about each operation. */
export const operations = {
  report: {
    operationId: "reportMessage",
    summary: "Report a message",
    description:
      "Keeps the message and five on either side as the caller may read them now, for staff to see even when they are " +
      "changed or deleted later. Whoever has reported a message already gets that report, while it is open. Who has " +
      "sent the message is not told.",
    responses: {
      200: { description: "The caller has reported it before." },
      201: { description: "It is reported." },
    },
  },
  listReports: {
    operationId: "listReports",
    summary: "List reports",
    description: "For staff: the newest first, without what was said.",
  },
  getReport: {
    operationId: "getReport",
    summary: "See a report",
    description: "For staff: with what was said. The look is written into the log of who takes it.",
  },
  resolveReport: {
    operationId: "resolveReport",
    summary: "Deal with a report",
    description:
      "For staff: to dismiss it, to take the message out of the conversation, to warn who has sent it, or to ban them, " +
      "which asks for a recent proof. It is written into logs, and the reporter is told whether anything was done.",
  },
};
