import { TypeCompiler } from "@sinclair/typebox/compiler";

import { CloseCode, type Connection } from "./connection.ts";
import { Hello, readMessage, VERSION } from "./frames.ts";
import type { AttachedMembership } from "./hub.ts";
import {
  HEARTBEAT_MS,
  type Limits,
  MAX_BATCH,
  MAX_BODY_CHARACTERS,
  MAX_CHANNELS_PER_USER,
  MAX_FOCUS,
  MAX_FRAME_BYTES,
  MAX_HELLO_CHARACTERS,
  MAX_SOCKETS_PER_USER,
  MAX_TOPICS_PER_SOCKET,
  type Rate,
  SLOW_BYTES,
} from "./limits.ts";
import type { HelloOk } from "./protocol.ts";

const check = TypeCompiler.Compile(Hello);

/** A close and its reason, for a first message that is no hello of ours. */
interface Refusal {
  code: number;
  reason: string;
}

/** Reads the first message of a socket. */
export function readHello(message: string | Buffer): Hello | Refusal {
  const refusal = { code: CloseCode.unreadable, reason: "hello_expected" };
  if (typeof message !== "string" || message.length > MAX_HELLO_CHARACTERS) return refusal;
  const [waiting, ...others] = readMessage(message);
  if (!waiting || others.length > 0 || "error" in waiting) return refusal;
  const { frame } = waiting;
  if (check.Check(frame)) return frame;
  const { t, v } = Object(frame) as { t?: unknown; v?: unknown };
  const isOther = t === "hello" && Number.isSafeInteger(v) && v !== VERSION;
  return isOther ? { code: CloseCode.clientTooOld, reason: "client_too_old" } : refusal;
}

interface Greeting {
  connection: Connection;
  hello: Hello;
  memberships: AttachedMembership[];
  /** Position in the user's own channel. */
  ownSeq: number;
  nodeId: string;
  now: Date;
  limits: Limits;
}

/** What a client is told first: what it has missed, and what it has to keep to. */
export function helloReply(greeting: Greeting): HelloOk {
  const { connection, hello, memberships, limits } = greeting;
  const { since, focus } = hello;
  const changed = memberships.filter(
    ({ channel, seq, changedAt }) =>
      (since !== undefined && changedAt > since) || (focus?.[channel] ?? seq) < seq,
  );
  return {
    t: "hello.ok",
    ...(hello.i === undefined ? {} : { i: hello.i }),
    sid: connection.id,
    node: greeting.nodeId,
    hb: HEARTBEAT_MS,
    ts: greeting.now.getTime(),
    u: greeting.ownSeq,
    lim: limitsFrame(limits),
    chg: Object.fromEntries(changed.map(({ channel, seq }) => [channel, seq])),
  };
}

function limitsFrame({ frames, sends }: Limits): HelloOk["lim"] {
  return {
    frame: MAX_FRAME_BYTES,
    batch: MAX_BATCH,
    body: MAX_BODY_CHARACTERS,
    rate: tuple(frames),
    send: tuple(sends),
    channels: MAX_CHANNELS_PER_USER,
    sockets: MAX_SOCKETS_PER_USER,
    topics: MAX_TOPICS_PER_SOCKET,
    focus: MAX_FOCUS,
    buffer: SLOW_BYTES,
  };
}

/** Whole numbers, also where a scaled rate is none. */
function tuple({ count, perMs, burst }: Rate): [number, number, number] {
  if (Number.isSafeInteger(count)) return [count, perMs, burst];
  return [1, Math.max(1, Math.round(perMs / count)), burst];
}
