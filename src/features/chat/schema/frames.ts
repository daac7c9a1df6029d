import { t } from "elysia";

import { MAX_BODY_CHARACTERS } from "../../../platform/realtime/limits.ts";
import { Id, integer, object, text } from "../../../platform/schema.ts";
import { MAX_ATTACHMENTS, MAX_EDITS } from "./messages.ts";
import { Emoji } from "./reactions.ts";

/** Stricter than 36 characters: Postgres refuses what is no UUID, and then the fault would be ours. */
const Channel = t.String({
  pattern: "^c:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
});
const RequestNumber = integer(0);
const MessageAt = { ...integer(1), description: "position of the message" };

/** Frames that a client sends about conversations. */
export const ChatFrames = {
  send: object({
    t: t.Literal("send"),
    i: t.Optional(RequestNumber),
    ch: Channel,
    cid: Id,
    k: t.Optional(t.Literal("text")),
    body: text(MAX_BODY_CHARACTERS),
    re: t.Optional({ ...integer(1), description: "position of the message that it answers" }),
    th: t.Optional({
      ...integer(1),
      description: "position of the message whose thread it goes into",
    }),
    att: t.Optional(
      t.Array(Id, {
        maxItems: MAX_ATTACHMENTS,
        uniqueItems: true,
        description: "ids of uploaded files",
      }),
    ),
  }),
  read: object({
    t: t.Literal("read"),
    i: t.Optional(RequestNumber),
    ch: Channel,
    seq: { ...integer(0), description: "position up to which the user has read" },
    priv: t.Optional(t.Boolean({ description: "tells nobody but the user's own devices" })),
  }),
  edit: object({
    t: t.Literal("edit"),
    i: t.Optional(RequestNumber),
    ch: Channel,
    msg: MessageAt,
    body: text(MAX_BODY_CHARACTERS),
    rev: { ...integer(0, MAX_EDITS), description: "revision of the message that was changed" },
  }),
  del: object({ t: t.Literal("del"), i: t.Optional(RequestNumber), ch: Channel, msg: MessageAt }),
  react: object({
    t: t.Literal("react"),
    i: t.Optional(RequestNumber),
    ch: Channel,
    msg: MessageAt,
    e: { ...Emoji, description: "one emoji" },
    on: t.Boolean({ description: "whether the user reacts so from now on" }),
  }),
  pin: object({
    t: t.Literal("pin"),
    i: t.Optional(RequestNumber),
    ch: Channel,
    msg: MessageAt,
    on: t.Boolean({ description: "whether the message is pinned from now on" }),
  }),
};

/** What is answered to them, where there is more to say than `ok`. */
export const ChatReplies = {
  ack: object({
    t: t.Literal("ack"),
    i: t.Optional(RequestNumber),
    cid: t.String(),
    msg: { ...Id, description: "id of the message, which is now stored" },
    seq: integer(1),
    no: { ...integer(1), description: "number of the message among messages" },
    ts: integer(0),
    dup: t.Boolean({ description: "whether this message was there already" }),
  }),
};
