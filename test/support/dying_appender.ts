import { Type } from "@sinclair/typebox";

/** Appends one user event, says that it is committed, and then waits to be killed: it never publishes. */
import { appendUserEvents, userEvent } from "../../src/features/realtime/mod.ts";
import { openDatabase } from "../../src/platform/database.ts";
import { defineUserEvent } from "../../src/platform/realtime/user_events.ts";
import { pause } from "../../src/platform/time.ts";

const LIMIT_MS = 60_000;
const [url = "", userId = ""] = process.argv.slice(2);
const kind = defineUserEvent("test.last_words", { meaning: "", data: Type.Object({}) });

const db = await openDatabase({ url: new URL(url), rolePrefix: "frm", poolSize: 1 });
await db.run({ role: "system" }, (tx) =>
  appendUserEvents(tx, [userEvent(userId, kind, {})], new Date()),
);
process.stdout.write("committed\n");
await pause(LIMIT_MS, AbortSignal.timeout(LIMIT_MS));
