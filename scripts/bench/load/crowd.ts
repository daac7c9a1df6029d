import type { Socket } from "bun";

import { createBatchReader, isBatch } from "./batches.ts";
import { type Dialect, type DialectName, DIALECTS, type Talk } from "./dialects.ts";
import {
  eachFrame,
  encodeFrame,
  type FramePlace,
  LONG_FRAME_BYTES,
  Opcode,
  upgradeRequest,
} from "./websocket.ts";

export interface CrowdSpec {
  dialect: DialectName;
  /** The receivers are spread evenly over these servers; the sender is on the first. */
  ports: number[];
  receivers: number;
  /** One for each receiver, then the sender's. */
  tokens: string[];
  talk: Talk;
}

/** All sockets of one side: many that receive and one that sends. */
export interface Crowd {
  talk: Talk;
  dialect: Dialect;
  members: Member[];
  sender: Member;
  readBatch: ReturnType<typeof createBatchReader>;
  /** Called for each message that a receiver gets. */
  onDelivery: (member: Member, bytes: Buffer, place: FramePlace) => void;
  /** Called after everything that one read has brought. */
  onRead: () => void;
  onFailure: (error: Error) => void;
}

/** One socket. */
export interface Member {
  socket: Socket<Member> | undefined;
  crowd: Crowd;
  index: number;
  token: string;
  isSender: boolean;
  phase: "upgrading" | "greeting" | "open";
  ready: PromiseWithResolvers<void>;
  /** The beginning of a frame that has not come whole. */
  rest: Buffer | undefined;
  /** Messages received in the present run. */
  count: number;
}

const OPEN_TIMEOUT_MS = 20_000;
const SWITCHED = "HTTP/1.1 101";
const HEAD_END = "\r\n\r\n";
const ERROR_FRAME = '{"t":"err"';
const SHOWN_LENGTH = 200;

/** Connects all sockets of a side; resolves when the server has told each that it is in the conversation. */
export async function openCrowd(spec: CrowdSpec): Promise<Crowd> {
  const crowd = emptyCrowd(spec);
  const all = spec.tokens.map((token, index) => newMember(crowd, token, index));
  crowd.members = all.slice(0, spec.receivers);
  crowd.sender = all[spec.receivers] ?? crowd.sender;
  crowd.sender.isSender = true;
  const share = Math.ceil(spec.receivers / spec.ports.length);
  const late = AbortSignal.timeout(OPEN_TIMEOUT_MS);
  late.addEventListener("abort", () => {
    for (const member of all) member.ready.reject(new Error("Cannot open a socket in time"));
  });
  await Promise.all(
    all.map(async (member) => {
      const port = spec.ports[member.isSender ? 0 : Math.floor(member.index / share)] ?? 0;
      const { path, subprotocol } = crowd.dialect;
      const socket = await Bun.connect({
        hostname: "127.0.0.1",
        port,
        data: member,
        socket: HANDLER,
      });
      member.socket = socket;
      socket.write(upgradeRequest(port, path, subprotocol));
      await member.ready.promise;
    }),
  );
  return crowd;
}

function emptyCrowd({ dialect, talk }: CrowdSpec): Crowd {
  const crowd: Omit<Crowd, "sender"> = {
    talk,
    dialect: DIALECTS[dialect],
    members: [],
    readBatch: createBatchReader(),
    onDelivery: () => undefined,
    onRead: () => undefined,
    onFailure: () => undefined,
  };
  return Object.assign(crowd, { sender: newMember(crowd as Crowd, "", -1) });
}

function newMember(crowd: Crowd, token: string, index: number): Member {
  const ready = Promise.withResolvers<void>();
  // It may fail before anybody waits for it.
  ready.promise.catch(() => undefined);
  return {
    socket: undefined,
    crowd,
    index,
    token,
    isSender: false,
    phase: "upgrading",
    ready,
    rest: undefined,
    count: 0,
  };
}

const HANDLER = {
  data: (socket: Socket<Member>, chunk: Buffer) => {
    const member = socket.data;
    try {
      const bytes = member.rest ? Buffer.concat([member.rest, chunk]) : chunk;
      const used = member.phase === "upgrading" ? upgrade(member, bytes) : read(member, bytes, 0);
      member.rest = used === bytes.length ? undefined : Buffer.from(bytes.subarray(used));
      member.crowd.onRead();
    } catch (error) {
      fail(member, error instanceof Error ? error : new Error(String(error)));
    }
  },
  close: ({ data }: Socket<Member>) => fail(data, new Error("Cannot go on: a socket was closed")),
  error: ({ data }: Socket<Member>, error: Error) => fail(data, error),
};

function fail(member: Member, error: Error): void {
  member.ready.reject(error);
  member.crowd.onFailure(error);
}

/** Reads the answer to the upgrade and what may come right behind it. @returns how many bytes that took. */
function upgrade(member: Member, bytes: Buffer): number {
  const end = bytes.indexOf(HEAD_END);
  if (end === -1) return 0;
  if (!bytes.toString("latin1", 0, SWITCHED.length).startsWith(SWITCHED))
    throw new Error(`Cannot upgrade: ${bytes.toString("latin1", 0, SHOWN_LENGTH)}`);
  const { greeting } = member.crowd.dialect;
  member.phase = greeting ? "greeting" : "open";
  if (greeting) member.socket?.write(encodeFrame(Opcode.text, greeting(member.token)));
  else member.ready.resolve();
  return read(member, bytes, end + HEAD_END.length);
}

function read(member: Member, bytes: Buffer, from: number): number {
  const view = from === 0 ? bytes : bytes.subarray(from);
  return from + eachFrame(view, (place) => takeFrame(member, view, place));
}

function takeFrame(member: Member, bytes: Buffer, place: FramePlace): void {
  const { opcode, start, end } = place;
  if (opcode === Opcode.ping)
    member.socket?.write(encodeFrame(Opcode.pong, Buffer.from(bytes.subarray(start, end))));
  if (opcode === Opcode.close) throw new Error("Cannot go on: the server closes a socket");
  if (opcode !== Opcode.text) return;
  if (member.phase === "open" && !member.isSender && end - start >= LONG_FRAME_BYTES) {
    if (isBatch(bytes, place)) takeBatch(member, bytes, place);
    else deliver(member, bytes, place);
  } else takeText(member, bytes.toString("latin1", start, end));
}

function deliver(member: Member, bytes: Buffer, place: FramePlace): void {
  member.count += 1;
  member.crowd.onDelivery(member, bytes, place);
}

function takeBatch(member: Member, bytes: Buffer, place: FramePlace): void {
  const starts = member.crowd.readBatch(bytes, place);
  const event = { ...place };
  for (let at = 0; at < starts.length; at += 1) {
    event.start = place.start + (starts[at] ?? 0);
    event.end = place.start + (starts[at + 1] ?? place.end - place.start);
    deliver(member, bytes, event);
  }
}

/** Whatever is not a message for a receiver, which is rare. */
function takeText(member: Member, text: string): void {
  const { welcome, challenge } = member.crowd.dialect;
  if (text === challenge?.text) member.socket?.write(encodeFrame(Opcode.text, challenge.answer));
  if (text.startsWith(ERROR_FRAME)) throw new Error(`Cannot go on: ${text.slice(0, SHOWN_LENGTH)}`);
  if (member.phase !== "greeting" || welcome === undefined || !text.startsWith(welcome)) return;
  member.phase = "open";
  member.ready.resolve();
}
