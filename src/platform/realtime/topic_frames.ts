import { Type } from "@sinclair/typebox/type";

import { defineError } from "../errors.ts";
import { MAX_TOPICS_PER_FRAME } from "./limits.ts";

export const TooManyTopics = defineError("too_many_topics", 409, {
  en: "The socket follows as many topics as it may",
  vi: "Kết nối đã theo dõi đủ số chủ đề tối đa",
});

const RequestNumber = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));
const TopicNames = Type.Array(Type.String({ minLength: 3, maxLength: 64 }), {
  minItems: 1,
  maxItems: MAX_TOPICS_PER_FRAME,
  description: "topics",
});
const Time = Type.Integer({
  minimum: 0,
  description: "time of the value, in milliseconds since 1970",
});

/** What a client sends about topics. */
export const TOPIC_FRAMES = {
  sub: Type.Object(
    { t: Type.Literal("sub"), i: RequestNumber, ch: TopicNames },
    { additionalProperties: false },
  ),
  unsub: Type.Object(
    { t: Type.Literal("unsub"), i: RequestNumber, ch: TopicNames },
    { additionalProperties: false },
  ),
};

const Value = Type.Object(
  { d: Type.Unknown({ description: "the value" }), ts: Time },
  { additionalProperties: false },
);

/** What the server says about topics. */
export const TOPIC_REPLIES = {
  "sub.ok": Type.Object(
    {
      t: Type.Literal("sub.ok"),
      i: RequestNumber,
      ch: Type.Record(Type.String(), Type.Union([Value, Type.Null()]), {
        description: "each topic and what it holds now; null where nothing is known",
      }),
    },
    { additionalProperties: false },
  ),
  "unsub.ok": Type.Object(
    { t: Type.Literal("unsub.ok"), i: RequestNumber },
    { additionalProperties: false },
  ),
  "sub.end": Type.Object(
    {
      t: Type.Literal("sub.end"),
      ch: Type.Array(Type.String(), { description: "topics that may not be followed any more" }),
    },
    { additionalProperties: false },
  ),
  top: Type.Object(
    {
      t: Type.Literal("top"),
      ch: Type.String({ description: "topic" }),
      d: Type.Unknown({ description: "what it holds now; its shape depends on the topic" }),
      ts: Time,
    },
    { additionalProperties: false },
  ),
};

export type TopicsFollowed = (typeof TOPIC_REPLIES)["sub.ok"]["static"];
export type TopicsEnded = (typeof TOPIC_REPLIES)["sub.end"]["static"];
