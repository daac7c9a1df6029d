import { expect, test } from "bun:test";
import { join } from "node:path";

import { until } from "../support/poll.ts";
import { opened, record, seqsOf } from "./recorder.ts";
import { openScriptedServer } from "./scripted_server.ts";

const CONVERSATION = "0192f3a1-0000-7000-8000-000000000001";
const CHANNEL = `c:${CONVERSATION}`;
const CLIENT = JSON.stringify(join(import.meta.dir, "../../src/client/mod.ts"));

/** Runs a program of its own, which must end by itself. */
async function run(program: string): Promise<{ printed: string; code: number }> {
  const child = Bun.spawn([process.execPath, "-e", program], {
    stdout: "pipe",
    stderr: "inherit",
    timeout: 10_000,
  });
  return { printed: await child.stdout.text(), code: await child.exited };
}

test("a closed socket leaves no timer and no connection behind: the process ends by itself", async () => {
  await using server = openScriptedServer({ hbMs: 60_000 });
  const message = JSON.stringify({ conversationId: CONVERSATION, body: "hi" });
  const ended = await run(`
    import { createSocket } from ${CLIENT};
    const socket = createSocket({ url: "${server.url}", ticket: async () => "t" });
    await socket.send(${message});
    const late = socket.send(${message});
    socket.close();
    console.log(await late.catch((error) => error.code));`);
  expect(ended).toEqual({ printed: "closed\n", code: 0 });
});

test("a socket that is closed while it waits makes no further attempt", async () => {
  const ended = await run(`
    import { createSocket } from ${CLIENT};
    let tickets = 0;
    const ticket = async () => { tickets += 1; throw new Error("away"); };
    const socket = createSocket({ url: "ws://127.0.0.1:9", ticket, backoffMs: () => 30_000 });
    socket.on("state", (state) => {
      if (state === "waiting") socket.close();
      console.log(state, tickets);
    });`);
  expect(ended).toEqual({ printed: "closed 1\nwaiting 1\n", code: 0 });
});

test("a listener that is taken away, or whose socket was closed, hears nothing more", async () => {
  await using server = openScriptedServer({ hbMs: 20 });
  using recorder = record(server.url);
  server.append(CHANNEL);
  await opened(recorder);
  const heard: number[] = [];
  const off = recorder.socket.on("event", ({ seq }) => {
    heard.push(seq);
    off();
  });
  recorder.socket.on("event", ({ seq }) => {
    if (seq === 3) recorder.socket.close();
  });
  // All of them come in one page, in the middle of which the socket is closed.
  for (let count = 0; count < 5; count += 1) server.append(CHANNEL);
  await until("the end", () => recorder.socket.state === "closed");
  expect([heard, seqsOf(recorder)]).toEqual([[2], [2, 3]]);
  expect(recorder.ended).toEqual([]);
});

test("what was being asked for when the connection went is asked for again on the next one", async () => {
  let deaf = true;
  await using server = openScriptedServer({ answer: (frame) => frame.t === "sync" && deaf });
  using recorder = record(server.url);
  server.append(CHANNEL);
  await opened(recorder);
  server.append(CHANNEL);
  server.peers[0]?.send(server.append(CHANNEL));
  await until("the request", () => server.received("sync").length === 1);
  deaf = false;
  server.peers[0]?.cut();
  await until("both", () => recorder.events.length >= 2);
  expect(seqsOf(recorder)).toEqual([2, 3]);
});

test("a connection whose requests are answered is kept", async () => {
  await using server = openScriptedServer({ hbMs: 15 });
  using recorder = record(server.url, { answerTimeoutMs: 100 });
  await opened(recorder);
  await until("many heartbeats", () => server.received("hb").length >= 40);
  expect(recorder.states).toEqual(["open"]);
});

test("a listener that throws is reported as uncaught, and keeps nothing from the others", async () => {
  await using server = openScriptedServer();
  const ended = await run(`
    import { createSocket } from ${CLIENT};
    process.on("uncaughtException", (error) => console.log("uncaught", error.message));
    const socket = createSocket({ url: "${server.url}", ticket: async () => "t" });
    const states = [];
    socket.on("state", () => { throw new Error("mine"); });
    socket.on("state", (state) => states.push(state));
    await socket.send({ conversationId: "${CONVERSATION}", body: "hi" });
    socket.close();
    setImmediate(() => console.log(states.join()));`);
  expect(ended).toEqual({ printed: "uncaught mine\nuncaught mine\nopen,closed\n", code: 0 });
});
