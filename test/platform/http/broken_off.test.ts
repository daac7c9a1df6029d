import { afterAll, beforeAll, expect, test } from "bun:test";

import { exchange } from "../../support/fuzz_wire.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";

let cluster: Cluster;
let server: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** Sends the beginning of a request and hangs up, or lets the server do so. */
async function breakOff(id: string, rest: string): Promise<void> {
  const { hostname, port, host } = new URL(server.url);
  const text =
    `POST /v1/auth/login HTTP/1.1\r\nhost: ${host}\r\nx-request-id: ${id}\r\n` +
    `content-type: application/json\r\n${rest}`;
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: { data: () => undefined },
  });
  socket.write(text);
  socket.flush();
  // The request has to have arrived before its end does.
  await fetch(`${server.url}/health/live`);
  socket.terminate();
}

test.each([
  ["that is shorter than it said", "content-length: 100\r\n\r\n{"],
  ["whose chunk never ends", "transfer-encoding: chunked\r\n\r\n64\r\n{"],
  ["with a chunk of no size", "transfer-encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n"],
])("a body %s is the caller's mistake, and no error of ours in the log", async (_, rest) => {
  const id = `broken-${crypto.randomUUID()}`;
  await breakOff(id, rest);
  await until("the request to end", () => server.log().includes(id));
  const lines = server.log().split("\n");
  expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  expect(lines.filter((line) => line.includes(id)).join()).toContain('"status":400');
});

test.each([
  ["/v1/auth/login", 422],
  ["/v1/auth/refresh", 401],
  ["/v1/auth/logout", 204],
])(
  "chunks that hold nothing are no body, to %s like to any other route",
  async (target, status) => {
    const headers: [string, string][] = [
      ["host", new URL(server.url).host],
      ["connection", "close"],
      ["content-type", "application/json"],
    ];
    const whole = { method: "POST", target, headers, body: "" };
    const answers = await Promise.all(
      [true, false].map((chunked) => exchange(server.url, { ...whole, chunked })),
    );
    expect(answers.map((got) => got.status)).toEqual([status, status]);
    expect(server.log()).not.toContain('"level":"error"');
  },
);
