import { expect, test } from "bun:test";

import { ClientError } from "../../src/client/mod.ts";
import { until } from "../support/poll.ts";
import { opened, record } from "./recorder.ts";
import { openScriptedServer } from "./scripted_server.ts";

const CONVERSATION = "0192f3a1-0000-7000-8000-000000000001";

function say(body: string, conversationId = CONVERSATION) {
  return { conversationId, body };
}

async function codeOf(sending: Promise<unknown>): Promise<unknown> {
  return await sending.then(
    () => "sent",
    (error: unknown) => (error instanceof ClientError ? error.code : error),
  );
}

test("a message whose acknowledgement is lost is sent again under the same clientId, and is one message", async () => {
  let drops = 2;
  await using server = openScriptedServer({
    answer: (frame, peer) => {
      if (frame.t !== "send" || drops === 0) return false;
      drops -= 1;
      const cid = String(frame["cid"]);
      const kept = server.stored.get(cid) ?? server.append(String(frame["ch"]), "hello");
      server.stored.set(cid, kept);
      peer.cut();
      return true;
    },
  });
  using recorder = record(server.url);
  const clientId = crypto.randomUUID();
  const sent = await recorder.socket.send({ ...say("hello"), clientId });
  expect(sent).toEqual({ id: "m1", seq: 1 });
  const sends = server.received("send");
  expect(sends.map((frame) => frame["cid"])).toEqual([clientId, clientId, clientId]);
});

test("messages that were written while away go out in the order in which they were written", async () => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await opened(recorder);
  server.peers[0]?.cut();
  const bodies = Array.from({ length: 20 }, (_, index) => `n ${index}`);
  const sent = await Promise.all(bodies.map((body) => recorder.socket.send(say(body))));
  expect(sent.map(({ seq }) => seq)).toEqual(bodies.map((_, index) => index + 1));
  const stored = [...server.stored.values()].map(({ d }) => (d as { body: string }).body);
  expect(stored).toEqual(bodies);
});

test("no message overtakes one of its conversation that has to wait; others do not wait for it", async () => {
  let busy = 2;
  await using server = openScriptedServer({
    answer: (frame, peer) => {
      if (frame.t !== "send" || frame["body"] !== "first" || busy === 0) return false;
      busy -= 1;
      peer.send({ t: "err", i: frame.i ?? 0, c: 5030, m: "overloaded", retry: true, after: 30 });
      return true;
    },
  });
  using recorder = record(server.url);
  const done: string[] = [];
  const other = "0192f3a1-0000-7000-8000-000000000002";
  const sending = [say("first"), say("second"), say("elsewhere", other)].map(async (message) => {
    await recorder.socket.send(message);
    done.push(message.body);
  });
  await Promise.all(sending);
  expect(done).toEqual(["elsewhere", "first", "second"]);
  expect(server.received("send")).toHaveLength(5);
});

test("a refusal rejects with the server's code and status, and the next message goes out", async () => {
  await using server = openScriptedServer({
    answer: (frame, peer) => {
      if (frame["body"] !== "bad") return false;
      peer.send({ t: "err", i: frame.i ?? 0, c: 4220, m: "validation_failed", retry: false });
      return true;
    },
  });
  using recorder = record(server.url);
  const [bad, good] = [recorder.socket.send(say("bad")), recorder.socket.send(say("good"))];
  const error = await bad.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ClientError);
  expect(error).toMatchObject({ code: "validation_failed", status: 422 });
  expect(await good).toEqual({ id: "m1", seq: 1 });
});

test("a message that waits too long, or that nobody wants any more, is not sent later", async () => {
  let deaf = true;
  await using server = openScriptedServer({ answer: (frame) => frame.t === "hello" && deaf });
  using recorder = record(server.url, { connectTimeoutMs: 200 });
  const abort = new AbortController();
  const late = recorder.socket.send({ ...say("late"), timeoutMs: 20 });
  const unwanted = recorder.socket.send({ ...say("unwanted"), signal: abort.signal });
  const never = recorder.socket.send({ ...say("never"), signal: AbortSignal.abort() });
  const wanted = recorder.socket.send(say("wanted"));
  abort.abort();
  expect(await Promise.all([late, unwanted, never].map(codeOf))).toEqual([
    "timeout",
    "aborted",
    "aborted",
  ]);
  deaf = false;
  await wanted;
  expect(server.received("send").map((frame) => frame["body"])).toEqual(["wanted"]);
});

test("one clientId waits once, and no more messages wait than the outbox holds", async () => {
  await using server = openScriptedServer({ answer: (frame) => frame.t === "hello" });
  using recorder = record(server.url);
  const clientId = crypto.randomUUID();
  const twice = [0, 1].map(() => codeOf(recorder.socket.send({ ...say("twice"), clientId })));
  const rest = Array.from({ length: 255 }, () => codeOf(recorder.socket.send(say("more"))));
  expect(await codeOf(recorder.socket.send(say("too much")))).toBe("outbox_full");
  recorder.socket.close();
  expect(new Set(await Promise.all([...twice, ...rest]))).toEqual(new Set(["closed"]));
  expect(await codeOf(recorder.socket.send(say("late")))).toBe("closed");
});

test("a message without an answer makes the client leave the connection", async () => {
  let ignored = 1;
  await using server = openScriptedServer({
    answer: (frame) => frame.t === "send" && ignored-- > 0,
  });
  using recorder = record(server.url, { answerTimeoutMs: 50 });
  expect(await recorder.socket.send(say("hello"))).toEqual({ id: "m1", seq: 1 });
  await until("the second connection", () => server.peers.length === 2);
  expect(server.stored.size).toBe(1);
});

test("a message that the server would not even read is refused here, and the socket stays", async () => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await opened(recorder);
  expect(await codeOf(recorder.socket.send(say("đ".repeat(40_000))))).toBe("too_long");
  expect(await codeOf(recorder.socket.send(say("đ".repeat(20_000))))).toBe("sent");
  expect(recorder.states).toEqual(["open"]);
});
