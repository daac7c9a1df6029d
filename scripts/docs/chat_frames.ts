import { type TSchema, Type } from "@sinclair/typebox/type";

const CLOSED = { additionalProperties: false };
const Count = Type.Integer({ minimum: 0 });
const RequestNumber = Type.Optional(Count);

/** What the fields of the chat's frames mean, beside those that mean the same everywhere. */
export const CHAT_FIELD_MEANINGS: Readonly<Record<string, string>> = {
  body: "text of the message",
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
};
