import { afterEach, expect, test } from "bun:test";

import { until } from "../support/poll.ts";
import { opened, record } from "./recorder.ts";
import { openScriptedServer } from "./scripted_server.ts";

/** A page as a browser has one, as far as the client looks at it. */
class Page extends EventTarget {
  visibilityState = "visible";

  show(state: "visible" | "hidden"): void {
    this.visibilityState = state;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

const browser = globalThis as unknown as { document?: Page };
afterEach(() => {
  delete browser.document;
});

test("whether anybody looks at the page is told, and told again to each new connection", async () => {
  const page = new Page();
  browser.document = page;
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await opened(recorder);
  page.show("visible");
  page.show("hidden");
  await until("the absence", () => server.received("pres").length === 1);
  server.peers[0]?.cut();
  await until("the absence on the new connection", () => server.received("pres").length === 2);
  await opened(recorder);
  page.show("visible");
  await until("the return", () => server.received("pres").length === 3);
  const statuses = server.received("pres").map((frame) => frame["status"]);
  expect(statuses).toEqual(["away", "away", "online"]);
});

test("a page that is looked at again comes back at once, a hidden one in its time", async () => {
  const page = new Page();
  browser.document = page;
  await using server = openScriptedServer();
  using recorder = record(server.url, { backoffMs: () => 600_000 });
  await opened(recorder);
  page.show("hidden");
  server.peers[0]?.cut();
  await until("the loss", () => recorder.socket.state === "waiting");
  page.show("hidden");
  expect(recorder.socket.state).toBe("waiting");
  page.show("visible");
  await opened(recorder);
  expect(server.peers).toHaveLength(2);
});

test("a socket that was closed listens to nothing any more", async () => {
  const page = new Page();
  browser.document = page;
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await opened(recorder);
  recorder.socket.close();
  page.show("hidden");
  page.show("visible");
  expect([server.received("pres"), recorder.tickets()]).toEqual([[], 1]);
});
