import { expect, test } from "bun:test";

import { ClientError } from "../../src/client/mod.ts";
import { until } from "../support/poll.ts";
import { opened, record } from "./recorder.ts";
import { type Frame, openScriptedServer, type Peer, type Script } from "./scripted_server.ts";

const LIFE_MS = 600_000;

/** Answers what is shown with the next of these, and the last of them from then on. */
function answering(...answers: ((frame: Frame) => Frame)[]): NonNullable<Script["answer"]> {
  return (frame: Frame, peer: Peer) => {
    if (frame.t !== "tok") return false;
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer) peer.send(answer(frame));
    return true;
  };
}

function taken(leftMs = LIFE_MS): (frame: Frame) => Frame {
  return ({ i }) => ({ t: "tok.ok", ...(i === undefined ? {} : { i }), in: leftMs });
}
function refused({ i }: Frame): Frame {
  return { t: "err", ...(i === undefined ? {} : { i }), c: 4_010, m: "token_invalid" };
}

test("a warning is answered with a new ticket, once, and the connection stays", async () => {
  await using server = openScriptedServer({ answer: answering(taken()) });
  using recorder = record(server.url);
  await opened(recorder);
  server.peers[0]?.send({ t: "tok.exp", in: 20 }, { t: "tok.exp", in: 10 });
  await until("the new ticket", () => server.received("tok").length > 0);
  expect(server.received("tok")).toEqual([{ t: "tok", i: expect.any(Number), tok: "ticket 2" }]);
  server.peers[0]?.send({ t: "tok.exp", in: 10 });
  await until("the one after it", () => server.received("tok").length > 1);
  expect(server.received("tok").map(({ tok }) => tok)).toEqual(["ticket 2", "ticket 3"]);
  expect([recorder.states, recorder.tickets(), server.peers]).toEqual([
    ["open"],
    3,
    [expect.anything()],
  ]);
});

test("a ticket that is refused is followed by another one, and nobody is told", async () => {
  await using server = openScriptedServer({ answer: answering(refused, taken()) });
  using recorder = record(server.url);
  await opened(recorder);
  server.peers[0]?.send({ t: "tok.exp", in: 10 });
  await until("another ticket", () => server.received("tok").length === 2);
  expect(server.received("tok").map(({ tok }) => tok)).toEqual(["ticket 2", "ticket 3"]);
  expect([recorder.states, recorder.ended]).toEqual([["open"], []]);
});

test("where the newest token to be had is the old one, it is asked for again", async () => {
  await using server = openScriptedServer({ answer: answering(taken(100), taken()) });
  using recorder = record(server.url);
  await opened(recorder);
  server.peers[0]?.send({ t: "tok.exp", in: 10 });
  await until("a newer one", () => server.received("tok").length === 2);
  expect(recorder.states).toEqual(["open"]);
});

test("whoever gets no ticket because nobody is signed in asks no more, and comes to the end with the connection", async () => {
  let isSignedIn = true;
  let asked = 0;
  await using server = openScriptedServer();
  const ticket = async () => {
    asked += 1;
    if (isSignedIn) return "ticket";
    throw new ClientError("session_revoked", "Cannot get a ticket", 401);
  };
  using recorder = record(server.url, { ticket });
  await opened(recorder);
  isSignedIn = false;
  server.peers[0]?.send({ t: "tok.exp", in: 10 });
  await until("the question", () => asked === 2);
  server.peers[0]?.close(4005, "token_expired");
  await until("the end", () => recorder.ended.length > 0);
  expect(recorder.ended).toEqual([{ verdict: "signed_out", code: 0, reason: "session_revoked" }]);
  expect([asked, server.received("tok")]).toEqual([3, []]);
});

test("after 4005 the socket comes back with a ticket of its own", async () => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await opened(recorder);
  server.peers[0]?.close(4005, "token_expired");
  await until("the second hello", () => server.received("hello").length === 2);
  await opened(recorder);
  expect(recorder.states).toEqual(["open", "waiting", "connecting", "open"]);
  expect(recorder.tickets()).toBe(2);
});

test("a socket that is closed while it asks for a ticket shows none", async () => {
  const asked = Promise.withResolvers<void>();
  const given = Promise.withResolvers<string>();
  let count = 0;
  await using server = openScriptedServer();
  const ticket = async () => {
    if ((count += 1) === 1) return "ticket 1";
    asked.resolve();
    return await given.promise;
  };
  using recorder = record(server.url, { ticket });
  await opened(recorder);
  server.peers[0]?.send({ t: "tok.exp", in: 0 });
  await asked.promise;
  recorder.socket.close();
  given.resolve("ticket 2");
  await given.promise;
  expect(server.received("tok")).toEqual([]);
});
