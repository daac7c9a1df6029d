import { type TSchema, Type } from "@sinclair/typebox/type";

import { CloseCode } from "./connection.ts";

/** What a field means wherever it has this name; a field of its own kind carries a description in its schema. */
export const FIELD_MEANINGS: Readonly<Record<string, string>> = {
  t: "type of the frame",
  i: "number of the request, given by the client and echoed in the answer",
  ch: "channel",
  seq: "position of the event in its channel, from 1 without gaps",
  k: "kind",
  body: "text of the message",
  cid: "id that the client has given; the same one again is the same message",
  ts: "time of the server, in milliseconds since 1970",
};

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Channel = Type.String({ minLength: 1, maxLength: 64 });
const RequestNumber = Type.Optional(Count);

const Limit = (description: string) => Type.Integer({ minimum: 1, description });
const Rate = (description: string) =>
  Type.Tuple([Limit("count"), Limit("ms"), Limit("burst")], { description });

const Limits = Type.Object(
  {
    frame: Limit("largest frame that may be sent, in bytes"),
    batch: Limit("most frames in one message"),
    body: Limit("longest text of a message, in characters"),
    rate: Rate("frames of this socket: so many in so many milliseconds, and so many at once"),
    send: Rate("the same for what the user sends, over all sockets and HTTP"),
    channels: Limit("most channels that the socket follows by itself"),
    sockets: Limit("most sockets of the user on one instance"),
    topics: Limit("most topics that the socket follows"),
    focus: Limit("most channels that are on its screen"),
    buffer: Limit("bytes that may wait for a slow reader before it has to resume"),
  },
  { additionalProperties: false, description: "limits" },
);

const HelloOk = answer("hello.ok", {
  i: RequestNumber,
  sid: Type.String({ description: "id of this socket" }),
  node: Type.String({ description: "id of the process that serves it" }),
  hb: Type.Integer({ description: "how often to send `hb`, in milliseconds" }),
  ts: Count,
  u: Type.Integer({ description: "last position among the user's own events" }),
  lim: Limits,
  chg: Type.Record(Type.String(), Count, {
    description: "channels that changed since `since` or are ahead of `focus`, and their positions",
  }),
});
export type HelloOk = typeof HelloOk.static;

const HeartbeatOk = answer("hb.ok", {
  i: RequestNumber,
  ts: Count,
  top: Type.Record(Type.String(), Count, {
    description: "last positions of the channels that were asked about and that the user is in",
  }),
});
export type HeartbeatOk = typeof HeartbeatOk.static;

const Life = Type.Integer({
  minimum: 0,
  description: "milliseconds until the token that was shown last expires",
});

const RenewalOk = answer("tok.ok", { i: RequestNumber, in: Life });
export type RenewalOk = typeof RenewalOk.static;

const Expiring = answer("tok.exp", { in: Life });
export type Expiring = typeof Expiring.static;

const Ok = answer("ok", { i: Count });
export type Ok = typeof Ok.static;

const ErrorFrame = answer("err", {
  i: Type.Optional(Type.Integer()),
  c: Type.Integer({ description: "HTTP status of the error, times ten" }),
  m: Type.String({ description: "code of the error" }),
  retry: Type.Boolean({ description: "whether the same frame may do better in a while" }),
  after: Type.Optional(
    Type.Integer({ minimum: 1, description: "milliseconds until the same frame may do better" }),
  ),
});
export type ErrorFrame = typeof ErrorFrame.static;

const EventFrame = answer("ev", {
  ch: Channel,
  seq: Count,
  k: Type.String({ description: "kind of the event" }),
  d: Type.Unknown({ description: "what happened; its shape depends on `k`" }),
  cid: Type.Optional(Type.String()),
  ts: Count,
});

const SyncOk = answer("sync.ok", {
  i: RequestNumber,
  ch: Channel,
  from: Type.Integer({
    minimum: 0,
    description:
      "position behind which the events are; later than what was asked for where the user may not see all",
  }),
  to: Type.Integer({ minimum: 0, description: "position of the last event in `ev`" }),
  ev: Type.Array(Type.Unknown(), {
    description: "`ev` frames, in their order; none where other answers took up the room",
  }),
  more: Type.Boolean({ description: "whether there are events behind `to`" }),
  reset: Type.Optional(
    Type.Boolean({
      description:
        "too much was missed, or the position is ahead of the channel: forget what you have of it, read it over HTTP, and go on from `to`",
    }),
  ),
});

const Away = answer("away", {
  in: Type.Tuple([Count, Count], {
    description: "come back after a random time between these, in milliseconds",
  }),
  why: Type.Literal("deploy", { description: "the instance is being stopped" }),
});
export type Away = typeof Away.static;

/** What the platform itself sends; features add their own answers. */
export const SERVER_FRAMES: Readonly<Record<string, TSchema>> = {
  "hello.ok": HelloOk,
  "hb.ok": HeartbeatOk,
  "tok.ok": RenewalOk,
  "tok.exp": Expiring,
  ok: Ok,
  err: ErrorFrame,
  ev: EventFrame,
  "sync.ok": SyncOk,
  away: Away,
};

function answer<const T extends string, P extends Record<string, TSchema>>(type: T, fields: P) {
  return Type.Object({ t: Type.Literal(type), ...fields }, { additionalProperties: false });
}

/** What a client does after a close; nothing but the code decides it. */
type Verdict = "comes back" | "comes back, not at once" | "stops until somebody signs in" | "stops";

interface CloseMeaning {
  meaning: string;
  client: Verdict;
}

/** The verdict of each close code of `frm.v1`. */
export const CLOSE_MEANINGS: Record<keyof typeof CloseCode, CloseMeaning> = {
  restart: {
    meaning: "the socket cannot be served at the moment, or what its user may do has changed",
    client: "comes back",
  },
  drain: { meaning: "the instance is being stopped", client: "comes back" },
  slow: {
    meaning: "the client reads more slowly than it is sent to, and too much waits for it",
    client: "comes back",
  },
  insufficient: {
    meaning: "this instance cannot prove at the moment that it tells everything",
    client: "comes back",
  },
  noHeartbeat: { meaning: "the client was silent for too long", client: "comes back" },
  tokenExpired: {
    meaning: "the token that was shown last has expired, and no newer one came in time",
    client: "comes back",
  },
  tooManyRequests: {
    meaning: "too many frames wait for their turn, or came again and again faster than is taken",
    client: "comes back, not at once",
  },
  unreadable: { meaning: "the first frame is no `hello`, or unreadable", client: "stops" },
  sessionEnded: {
    meaning: "the token is not good or of another session, or the session has ended",
    client: "stops until somebody signs in",
  },
  banned: { meaning: "the user is banned", client: "stops until somebody signs in" },
  noHello: { meaning: "no `hello` came in time", client: "stops" },
  replaced: { meaning: "the user has opened too many sockets since", client: "stops" },
  clientTooOld: {
    meaning: "the client speaks a version of the protocol that is not served",
    client: "stops",
  },
};

/** Codes that the WebSocket protocol itself has, as far as a client meets them. */
export const TRANSPORT_CLOSE_MEANINGS: Readonly<Record<number, CloseMeaning>> = {
  1000: { meaning: "the client itself has closed", client: "stops" },
  1001: { meaning: "the process or the page is going away", client: "comes back" },
  1006: { meaning: "the connection is gone", client: "comes back" },
  1009: { meaning: "a frame was larger than `lim.frame` of `hello.ok`", client: "stops" },
};
