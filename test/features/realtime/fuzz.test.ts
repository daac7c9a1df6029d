import { afterAll, beforeAll, expect, test } from "bun:test";

import { listErrors } from "../../../src/platform/errors.ts";
import { CloseCode } from "../../../src/platform/realtime/connection.ts";
import { listClientFrames } from "../../../src/socket.ts";
import { converse, type Person, signUp } from "../../support/client.ts";
import { fuzzFrames, type FuzzMessage } from "../../support/fuzz_frames.ts";
import { MARK } from "../../support/fuzz_values.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { type Frame, openSocket, type TestSocket } from "../../support/socket.ts";

/** Another seed makes other frames; a failure names the message that it came with. */
const SEED = Number(process.env["TEST_FUZZ_SEED"] ?? 20_261_123);
const FRAMES = Number(process.env["TEST_FUZZ_FRAMES"] ?? 20_000);
/** So many messages go out before their answers are waited for. */
const WINDOW = 100;
const LIMIT_MS = 60_000 + FRAMES * 5;
const FRAME_TOO_BIG = 1009;

let cluster: Cluster;
let instance: Instance;
let lan: Person;
let words: Record<string, string[]>;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  instance = await cluster.start();
  const { url } = instance;
  const minh = await signUp(url, "Minh");
  lan = await signUp(url, "Lan");
  const own = await converse(url, lan.token, { kind: "direct", userId: minh.id });
  const group = await converse(url, lan.token, { kind: "group", name: "All", memberIds: [] });
  const ids = [own, group, minh.id, lan.id, crypto.randomUUID()];
  // As long as an id, and none.
  const broken = [own.replaceAll(/[^-]/g, "0").replace("0-", "-0"), "-".repeat(own.length)];
  const channels = [...ids, ...broken].map((id) => `c:${id}`);
  words = { id: ids, cid: ids, ch: [...channels, `u:${lan.id}`, "u", "ticker:VNM"], tok: ["x"] };
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const CODES = new Set(listErrors().map(({ code }) => code));
const CLOSES = new Set<number>([...Object.values(CloseCode), FRAME_TOO_BIG]);
/** What others have said may have come in by the same fuzz, and is not repeated by an error. */
const TOLD = new Set(["ev", "sync.ok", "eph", "top"]);

/** What is wrong with the answers to some messages; nothing is as it should be. */
function findFaults(sent: FuzzMessage[], got: Frame[], isOpen: boolean): string[] {
  const answers = new Map<number, number>();
  for (const { t, i } of got)
    if (i !== undefined && t !== "ev") answers.set(i, (answers.get(i) ?? 0) + 1);
  const wrong = sent.flatMap(({ payload, numbers }) =>
    numbers
      .map((number) => ({ number, count: answers.get(number) ?? 0 }))
      .filter(({ count }) => count > 1 || (count === 0 && isOpen))
      .map(({ number, count }) => `${count} answers to ${number} of ${shorten(payload)}`),
  );
  const asked = (frame: Frame) => sent.find(({ numbers }) => numbers.includes(frame.i ?? -1));
  const faults = got.flatMap((frame) =>
    findFault(frame).map((what) => `${what} to ${shorten(asked(frame)?.payload ?? "")}`),
  );
  return [...faults, ...wrong];
}

function findFault(frame: Frame): string[] {
  const text = JSON.stringify(frame);
  const isEcho = text.includes(MARK) && !TOLD.has(frame.t);
  const isOurs = frame.t === "err" && (frame["c"] === 5_000 || !CODES.has(String(frame["m"])));
  return [
    ...(isEcho ? [`an answer repeats what was sent: ${text}`] : []),
    ...(isOurs ? [`an error is ours: ${text}`] : []),
  ];
}

function errorsIn(log: string): string[] {
  return log.split("\n").filter((line) => line.includes('"level":"error"'));
}

function shorten(payload: FuzzMessage["payload"]): string {
  return String(payload).slice(0, 500);
}

/** Sends some messages and a fence behind them. @returns the socket for the next ones. */
async function exchange(socket: TestSocket, sent: FuzzMessage[], fence: number) {
  const from = socket.frames.length;
  for (const { payload } of sent) socket.send(payload);
  socket.send({ t: "hb", i: fence });
  const closed = socket.closed.then(({ code }) => code);
  const answered = socket.next(({ t, i }) => t === "hb.ok" && i === fence, "the fence");
  answered.catch(() => undefined);
  const code = await Promise.race([closed, answered.then(() => undefined)]);
  const faults = findFaults(sent, socket.frames.slice(from), code === undefined);
  if (code !== undefined && !CLOSES.has(code)) faults.push(`closed with ${code}`);
  socket.frames.length = 0;
  return { faults, code };
}

test(
  `no frame of seed ${SEED} brings the server down, is repeated by it, or stays without its one answer`,
  async () => {
    const schemas = listClientFrames();
    const closes = new Map<number, number>();
    let socket = await openSocket(instance.url, lan.token);
    let fence = 2_000_000_000_000;
    let batch: FuzzMessage[] = [];
    const flush = async () => {
      const { faults, code } = await exchange(socket, batch, (fence += 1));
      expect([faults, errorsIn(instance.log())]).toEqual([[], []]);
      batch = [];
      if (code === undefined) return;
      closes.set(code, (closes.get(code) ?? 0) + 1);
      socket = await openSocket(instance.url, lan.token);
    };
    for (const message of fuzzFrames({ schemas, words, seed: SEED, frames: FRAMES })) {
      batch.push(message);
      if (batch.length === WINDOW) await flush();
    }
    await flush();
    socket.close();
    // Closing would be an easy way to answer nothing.
    const total = [...closes.values()].reduce((sum, count) => sum + count, 0);
    expect(total).toBeLessThan(FRAMES / WINDOW / 2);
  },
  LIMIT_MS,
);

test("an answer that is missing, doubled, unknown or repeats what was sent is noticed", () => {
  const sent = [{ payload: "{}", numbers: [1, 2] }];
  const [one, two] = [
    { t: "ok", i: 1 },
    { t: "err", i: 2, c: 4_040, m: "not_found", retry: false },
  ];
  const count = (...got: Frame[]) => findFaults(sent, got, true).length;
  expect(count(one, two)).toBe(0);
  expect(count(one)).toBe(1);
  expect(count(one, one, two)).toBe(1);
  expect(count(one, { ...two, m: "made_up" })).toBe(1);
  expect(count(one, { ...two, c: 5_000, m: "internal" })).toBe(1);
  expect(count(one, { ...two, detail: MARK })).toBe(1);
  expect(findFaults(sent, [one], false)).toEqual([]);
});
