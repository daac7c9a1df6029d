import { expect, test } from "bun:test";

import { createLog, type LogFields } from "../../src/platform/log.ts";

function written(act: (log: ReturnType<typeof createLog>) => void): LogFields[] {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  act(createLog({ level: "info", pretty: false, write, now: () => new Date(0) }));
  return lines.map((line) => JSON.parse(line) as LogFields);
}

test("a line is JSON with its time, level, message and fields", () => {
  const [line] = written((log) => log.child({ requestId: "r1" }).info("hello", { count: 2 }));
  expect(line).toEqual({
    time: "1970-01-01T00:00:00.000Z",
    level: "info",
    message: "hello",
    requestId: "r1",
    count: 2,
  });
});

test("lines below the level are dropped", () => {
  expect(written((log) => log.debug("quiet"))).toEqual([]);
});

test("secrets are hidden by their name, by their shape, and inside errors", () => {
  const canary = "hunter2-canary";
  const token = "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl";
  const prefixed = ["frt1_", "frv1_", "wst1_"].map((prefix) => `${prefix}c2VjcmV0-c2_VjcmV0`);
  const error = new Error(`Failed query: select 1\nparams: ${canary}`, {
    cause: new Error("connect postgres://frm:hunter2-canary@host/db"),
  });
  const text = JSON.stringify(
    written((log) => {
      log.info(`bearer ${token}`, { password: canary, deep: { refreshToken: canary } });
      log.info(`shown ${prefixed.join(" ")}`, { seen: prefixed });
      log.error("failed", { error, headers: { authorization: canary, cookie: canary } });
    }),
  );
  expect(text).not.toContain(canary);
  expect(text).not.toContain(token);
  expect(text).not.toContain("c2VjcmV0");
});
