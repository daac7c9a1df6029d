import { type TSchema, Type } from "@sinclair/typebox/type";

const CLOSED = { additionalProperties: false };
const Count = Type.Integer({ minimum: 0 });
const RequestNumber = Type.Optional(Count);

/** What the fields of the chat's frames mean, beside those that mean the same everywhere. */
export const CHAT_FIELD_MEANINGS: Readonly<Record<string, string>> = {
  body: "text of the message",
  from: "position behind which events are wanted",
  lim: "most events that may come at once; 200 where it is missing",
};

/** The answers to the chat's frames. */
export const CHAT_REPLIES: Readonly<Record<string, TSchema>> = {
  ack: Type.Object(
    {
      t: Type.Literal("ack"),
      i: RequestNumber,
      cid: Type.String(),
      msg: Type.String({ format: "uuid", description: "id of the message, which is now stored" }),
      seq: Type.Integer({ minimum: 1 }),
      no: Type.Integer({ minimum: 1, description: "number of the message among messages" }),
      ts: Count,
      dup: Type.Boolean({ description: "whether this message was there already" }),
    },
    CLOSED,
  ),
  "sync.ok": Type.Object(
    {
      t: Type.Literal("sync.ok"),
      i: RequestNumber,
      from: Count,
      to: Type.Integer({ minimum: 0, description: "position from which to go on" }),
      ev: Type.Array(Type.Unknown(), { description: "`ev` frames, in their order" }),
      more: Type.Boolean({ description: "whether there are events behind `to`" }),
      reset: Type.Optional(
        Type.Literal(true, {
          description: "what lies behind `from` is kept no longer: read everything anew",
        }),
      ),
    },
    CLOSED,
  ),
};
