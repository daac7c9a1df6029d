import { join } from "node:path";

import type { TSchema } from "@sinclair/typebox/type";

import { ChatEvents } from "../../src/features/chat/schema/events.ts";
import {
  EXPIRY_GRACE_MS,
  EXPIRY_WARNING_MS,
  MAX_REFUSED_TOKENS,
} from "../../src/platform/realtime/authority.ts";
import { CloseCode } from "../../src/platform/realtime/connection.ts";
import { EPHEMERAL_KINDS } from "../../src/platform/realtime/ephemeral.ts";
import {
  CUT_OFF_BYTES,
  EPHEMERAL_BYTES,
  HEARTBEAT_MS,
  HELLO_TIMEOUT_MS,
  HOLD_BYTES,
  MAX_BATCH,
  MAX_CHANNELS_PER_USER,
  MAX_FOCUS,
  MAX_FRAME_BYTES,
  MAX_HELLO_CHARACTERS,
  MAX_SOCKETS_PER_USER,
  MAX_TOPICS_PER_SOCKET,
  MAX_VIOLATIONS,
  MAX_WAITING,
  MAX_WAITING_BYTES,
  MEMORY_SHARE,
  type Rate,
  scaleLimits,
  SILENCE_MS,
  SLOW_BYTES,
} from "../../src/platform/realtime/limits.ts";
import {
  CLOSE_MEANINGS,
  FIELD_MEANINGS,
  TRANSPORT_CLOSE_MEANINGS,
} from "../../src/platform/realtime/protocol.ts";
import { MAX_REPLAYED_EVENTS } from "../../src/platform/realtime/resume.ts";
import { TOPIC_INTERVAL_MS } from "../../src/platform/realtime/topics.ts";
import { listUserEvents } from "../../src/platform/realtime/user_events.ts";
import { listClientFrames, listServerFrames, TOPIC_KINDS } from "../../src/socket.ts";
import { fieldsLine, fieldsTable } from "./fields.ts";
import { code, table } from "./tables.ts";

/** Every frame that a client may send, by the very schemas that check it. */
export function clientFrames(): string {
  return frameSections(listClientFrames());
}

/** Every frame that the server sends. */
export function serverFrames(): string {
  return frameSections(listServerFrames());
}

function frameSections(frames: Record<string, TSchema>): string {
  return Object.entries(frames)
    .map(([type, schema]) => `### ${code(type)}\n\n${fieldsTable(schema, FIELD_MEANINGS)}`)
    .join("\n\n");
}

/** What an `ev` may tell, by its `k`. */
export function eventKinds(): string {
  const rows = Object.entries(ChatEvents)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([kind, { meaning, data }]) => [code(kind), meaning, fieldsLine(data)]);
  return table(["`k`", "meaning", "`d`"], rows);
}

const ROOT = join(import.meta.dir, "../..");

/** What an `ev` of a user's own channel may tell, by its `k`: of every feature that declares any. */
export async function userEventKinds(): Promise<string> {
  for await (const path of new Bun.Glob("src/features/**/*.ts").scan({ cwd: ROOT }))
    if ((await Bun.file(join(ROOT, path)).text()).includes("defineUserEvent("))
      await import(join(ROOT, path));
  const rows = listUserEvents()
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, meaning, data }) => [code(name), meaning, fieldsLine(data)]);
  return table(["`k`", "meaning", "`d`"], rows);
}

/** What an `eph` may tell, by its `k`. */
export function ephemeralKinds(): string {
  const rows = Object.entries(EPHEMERAL_KINDS).map(([kind, { meaning, data }]) => [
    code(kind),
    meaning,
    fieldsLine(data),
  ]);
  return table(["`k`", "meaning", "fields beside `ch`"], rows);
}

/** The families of topics, and what a value of each looks like. */
export function topicKinds(): string {
  const rows = Object.entries(TOPIC_KINDS).map(([prefix, { name, data }]) => [
    code(`${prefix}:…`),
    code(name.source),
    fieldsLine(data),
  ]);
  return table(["topic", "what stands behind the colon", "`d`"], rows);
}

/** What each code of a close means, and what the client does about it. */
export function closeCodes(): string {
  const own = Object.entries(CLOSE_MEANINGS).map(
    ([name, meaning]) => [CloseCode[name as keyof typeof CloseCode], meaning] as const,
  );
  const transport = Object.entries(TRANSPORT_CLOSE_MEANINGS).map(
    ([number, meaning]) => [Number(number), meaning] as const,
  );
  const rows = [...transport, ...own]
    .toSorted(([one], [other]) => one - other)
    .map(([number, { meaning, client }]) => [String(number), meaning, client]);
  return table(["code", "meaning", "the client"], rows);
}

/** The bounds of a socket, each with what happens beyond it. */
export function socketLimits(): string {
  const rows = [...timeRows(), ...sizeRows(), ...rateRows(), ...bufferRows()];
  return table(["what", "limit", "beyond it"], rows);
}

function timeRows(): string[][] {
  const { noHello, noHeartbeat, sessionEnded, tokenExpired } = CloseCode;
  return [
    ["time until `hello`", seconds(HELLO_TIMEOUT_MS), `closes with ${noHello}`],
    ["time between two `hb`", seconds(HEARTBEAT_MS), "is told by `hello.ok`"],
    ["silence", seconds(SILENCE_MS), `closes with ${noHeartbeat}`],
    [
      "events behind which `sync` catches up",
      count(MAX_REPLAYED_EVENTS),
      "answers `sync.ok` with `reset`",
    ],
    ["time from `tok.exp` to the expiry", seconds(EXPIRY_WARNING_MS), "is told by `tok.exp`"],
    [
      "time from the expiry to a newer `tok`",
      seconds(EXPIRY_GRACE_MS),
      `closes with ${tokenExpired}`,
    ],
    ["bad `tok` in a row", count(MAX_REFUSED_TOKENS), `closes with ${sessionEnded}`],
  ];
}

function sizeRows(): string[][] {
  const { replaced, unreadable } = CloseCode;
  const { sockets } = scaleLimits(1);
  return [
    ["size of `hello`", `${count(MAX_HELLO_CHARACTERS)} characters`, `closes with ${unreadable}`],
    ["size of a message", `${count(MAX_FRAME_BYTES)} bytes`, "closes with 1009"],
    ["frames in one message", count(MAX_BATCH), "answers one `err` with `malformed_frame`"],
    [
      "sockets of a user on one instance",
      count(MAX_SOCKETS_PER_USER),
      `closes the oldest with ${replaced}`,
    ],
    ["sockets on one instance", count(sockets), "answers 503 to the handshake"],
    ["channels of a `focus`", count(MAX_FOCUS), "answers `err` with `validation_failed`"],
    ["topics of a socket", count(MAX_TOPICS_PER_SOCKET), "answers `err` with `too_many_topics`"],
    ["channels of a user", count(MAX_CHANNELS_PER_USER), "the least recently active are left out"],
  ];
}

function rateRows(): string[][] {
  const { connects, frames, sends } = scaleLimits(1);
  const again = `${MAX_VIOLATIONS} times in a row, closes with ${CloseCode.tooManyRequests}`;
  return [
    ["frames of a socket", rate(frames), `answers \`err\` with \`after\`; ${again}`],
    [
      "messages of a user, over all sockets and HTTP",
      rate(sends),
      "answers `err` with `after`, or 429",
    ],
    [
      "values of one topic",
      `one in ${TOPIC_INTERVAL_MS} ms`,
      "those between are left out, never the last",
    ],
    ["sockets from one address", rate(connects), "answers 429 to the handshake"],
  ];
}

function bufferRows(): string[][] {
  const { slow, tooManyRequests } = CloseCode;
  return [
    [
      "messages that wait for their turn",
      `${count(MAX_WAITING)}, of ${count(MAX_WAITING_BYTES)} bytes`,
      `closes with ${tooManyRequests}`,
    ],
    [
      "what waits for a slow reader",
      `${count(SLOW_BYTES)} bytes`,
      `closes with ${slow}; beyond ${count(CUT_OFF_BYTES)} bytes, without a word`,
    ],
    [
      "the same, for what may be lost",
      `${count(EPHEMERAL_BYTES)} bytes`,
      "is not sent until the rest is read",
    ],
    [
      "the same, for answers to its own frames",
      `${count(HOLD_BYTES)} bytes`,
      "handles no more of them until the rest is read",
    ],
    [
      "what waits for all sockets together",
      `${MEMORY_SHARE * 100} % of the memory`,
      "closes those with the most, without a word",
    ],
  ];
}

function rate({ count: n, perMs, burst }: Rate): string {
  return `${count(n)} in ${seconds(perMs)}, ${count(burst)} at once`;
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
