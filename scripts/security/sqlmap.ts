/**
 * Lets sqlmap try every parameter of every documented operation, and every frame, of a real instance, behind a door that makes a fresh
 * ordinary call around each of its texts. Holes that are made on purpose, in a server of this script on the same
 * database, must be found first. Not in the gate, because a fresh machine has no sqlmap: as root it is installed from
 * Debian, else the command to do so is printed. `sqlmap.ts NAME…` tries only those operations; `--seconds` bounds it.
 */
import { parseArgs } from "node:util";

import { createTokens, generateSigningKey } from "../../src/platform/tokens.ts";
import { call as ask } from "../../test/support/client.ts";
import { type Instance, openCluster } from "../../test/support/instance.ts";
import { type Document, type Listed, listOperations } from "../../test/support/openapi.ts";
import { closeTestServices } from "../../test/support/services.ts";
import { listCalls } from "./sqlmap/calls.ts";
import { openControls } from "./sqlmap/control.ts";
import { openDoor, type Subject } from "./sqlmap/door.ts";
import { FRAME_NAMES, frameSubject, listFrame } from "./sqlmap/frames.ts";
import type { World } from "./sqlmap/fresh.ts";
import { formatRow, judge, type Row } from "./sqlmap/report.ts";
import { isSuccess, listSubjects } from "./sqlmap/subjects.ts";
import { findSqlmap, tryInjections } from "./sqlmap/tool.ts";

/** As many at once as keep two cores busy; more would make pauses look longer than they are. */
const LANES = 2;
/** For one operation's call; an access token lives longer. */
const SUBJECT_LIMIT_MS = 240_000;

const { values, positionals } = parseArgs({
  options: { seconds: { type: "string", default: "1800" } },
  allowPositionals: true,
});

/** What is tried: the calls of one operation are made when its turn comes, because what they need grows old. */
interface Task {
  listed: Listed;
  subjects: () => Promise<[name: string, subject: Subject][]>;
  /** The hole that must be found; where there is none, nothing may be found. */
  hole?: { place: string; kind: string };
}

async function main(): Promise<number> {
  const seconds = Number(values.seconds);
  if (!Number.isSafeInteger(seconds)) throw new Error(`Cannot read "${values.seconds}" as seconds`);
  const deadline = performance.now() + seconds * 1_000;
  const binary = await findSqlmap(console.log);
  await using cluster = await openCluster();
  const key = await generateSigningKey();
  const server = await cluster.start({
    JWT_KEYS: JSON.stringify([key]),
    TRUSTED_PROXIES: "127.0.0.1,::1",
    LOG_LEVEL: "warn",
  });
  await using holes = await openControls(cluster.database.sql);
  const controls = holes.controls.map(({ listed, make, place, kind }): Task => ({
    listed,
    subjects: () => listSubjects({ base: holes.url, listed, document: NO_SCHEMAS }, { hole: make }),
    hole: { place, kind },
  }));
  const world: World = {
    url: server.url,
    sql: cluster.database.sql,
    dataDir: cluster.dataDir,
    tokens: createTokens([key], () => new Date()),
  };
  const rows = await runAll([...controls, ...(await listTasks(world))], {
    binary,
    deadline,
  });
  return report(rows, server);
}

const NO_SCHEMAS = { components: { schemas: {}, headers: {}, securitySchemes: {} } };

async function listTasks(world: World): Promise<Task[]> {
  const { url } = world;
  const document = (await ask("GET", `${url}/swagger/json`)).body as unknown as Document;
  const all = [...listOperations(document), ...FRAME_NAMES.map(listFrame)];
  const unknown = positionals.filter(
    (name) => !all.some(({ operation }) => operation.operationId === name),
  );
  if (unknown.length > 0) throw new Error(`Cannot try "${unknown.join()}": no such operation`);
  return all
    .filter(
      ({ operation }) => positionals.length === 0 || positionals.includes(operation.operationId),
    )
    .map((listed) => ({
      listed,
      subjects: async () =>
        FRAME_NAMES.includes(listed.operation.operationId)
          ? [["as its sender", await frameSubject(url, listed.operation.operationId)]]
          : await listSubjects({ base: url, listed, document }, await listCalls(world, listed)),
    }));
}

interface Bounds {
  binary: string;
  deadline: number;
}

async function runAll(tasks: Task[], bounds: Bounds): Promise<Row[]> {
  const rows: Row[] = [];
  const waiting = tasks.values();
  async function work(): Promise<void> {
    for (const task of waiting)
      for (const row of await runTask(task, bounds)) {
        rows.push(row);
        console.log(formatRow(row));
      }
  }
  await Promise.all(Array.from({ length: LANES }, work));
  return rows;
}

async function runTask(task: Task, bounds: Bounds): Promise<Row[]> {
  const { operationId } = task.listed.operation;
  try {
    const rows: Row[] = [];
    for (const [name, subject] of await task.subjects())
      rows.push(await runSubject(task, { name: `${operationId}, ${name}`, subject, ...bounds }));
    return rows;
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return [{ name: operationId, places: [], requests: 0, seconds: 0, wrong: [what] }];
  }
}

async function runSubject(
  { listed, hole }: Task,
  { name, subject, binary, deadline }: Bounds & { name: string; subject: Subject },
): Promise<Row> {
  const startedAt = performance.now();
  const { places } = subject;
  await using door = openDoor(subject);
  const limitMs = Math.max(1, Math.min(SUBJECT_LIMIT_MS, Math.floor(deadline - startedAt)));
  const { verdicts, output } = await tryInjections(binary, door, { places, limitMs });
  const refused = [...door.ordinary].filter(([outcome]) => !isSuccess(outcome, listed));
  const wrong = judge({ verdicts, refused, failures: door.failures, hole });
  const isCrash = wrong.length > 0 && performance.now() - startedAt < limitMs;
  return {
    name,
    places,
    requests: door.requests(),
    seconds: (performance.now() - startedAt) / 1_000,
    wrong: isCrash ? [...wrong, output.trim().slice(-1_500)] : wrong,
  };
}

function report(rows: Row[], server: Instance): number {
  const wrong = rows.filter((row) => row.wrong.length > 0);
  const sum = (count: (row: Row) => number) => rows.reduce((total, row) => total + count(row), 0);
  const hasErrors = server.log().includes('"level":"error"');
  if (hasErrors) console.log(`FAILED  there is an error in the log\n${server.log().slice(-2_000)}`);
  console.log(
    `${rows.length} calls, ${sum(({ places }) => places.length)} parameters, ${sum(({ requests }) => requests)} requests, ${wrong.length} failed`,
  );
  return rows.length > 0 && wrong.length === 0 && !hasErrors ? 0 : 1;
}

const code = await main()
  .catch((error: unknown) => {
    console.log(`FAILED  ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  })
  .finally(closeTestServices);
process.exit(code);
