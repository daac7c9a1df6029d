import {
  FRAMES,
  INPUTS,
  REFUSALS,
  type Stage,
  TABLE,
  type Visitor,
  VISITORS,
} from "./access_rows.ts";
import { outcomeOf, send, shakeHands } from "./contract.ts";
import { openRawSocket } from "./socket.ts";

/** A route or a frame, with what each visitor gets from it. */
export interface Row {
  name: string;
  cells: Record<Visitor, string>;
}

/** Something that is served, and whom it says to let in. */
export interface Served {
  name: string;
  access: string;
}

const MARK: Pick<Record<Visitor, string>, "anonymous" | "expired" | "revoked"> = {
  anonymous: "anon",
  expired: "old",
  revoked: "gone",
};

export function readTable(table = TABLE): Row[] {
  const [head = "", ...lines] = table.trim().split("\n");
  if (
    head
      .trim()
      .split(/\s{2,}/)
      .join() !== ["route", ...VISITORS].join()
  )
    throw new Error(`Cannot read the table: its head is "${head}"`);
  return lines.map((line) => {
    const [name = "", ...cells] = line.trim().split(/\s{2,}/);
    if (cells.length !== VISITORS.length)
      throw new Error(`Cannot read the row "${name}": it has ${cells.length} cells`);
    const pairs = VISITORS.map((visitor, at) => [visitor, cells[at] ?? ""] as const);
    return { name, cells: Object.fromEntries(pairs) as Row["cells"] };
  });
}

/** How the rows differ from what is served; empty when each has the other. */
export function compareRows(rows: Row[], served: Served[]): string[] {
  const problems: string[] = [];
  for (const { name } of served) {
    const count = rows.filter((row) => row.name === name).length;
    if (count !== 1) problems.push(`${name} has ${count} rows, and needs one`);
  }
  for (const { name, cells } of rows) {
    const access = served.find((one) => one.name === name)?.access;
    if (access === undefined) problems.push(`${name} has a row and is not served`);
    else if (access !== "open" && !name.startsWith("SOCKET"))
      for (const [visitor, cell] of Object.entries(MARK))
        if (cells[visitor as keyof typeof MARK] !== cell)
          problems.push(`${name} is not open, so ${visitor} must get ${cell}`);
  }
  return problems;
}

export function isRefusal(cell: string): boolean {
  return Object.hasOwn(REFUSALS, cell) || /^4\d\d\d$/.test(cell);
}

/** A knock that is ready, so that whatever it needed is there before the database is looked at. */
export async function prepare(
  stage: Stage,
  row: Row,
  visitor: Visitor,
): Promise<() => Promise<string>> {
  const person = visitor === "anonymous" ? undefined : stage.people[visitor];
  const [method = "", path = ""] = row.name.split(" ");
  if (method === "SOCKET") {
    const frame = await FRAMES[row.name]?.(stage);
    return async () => shorten(await talk(stage.url, person?.token, frame));
  }
  const call = (await INPUTS[row.name]?.(stage, person)) ?? {};
  const listed = { method, path: path.replaceAll(/:(\w+)/g, "{$1}") } as Parameters<typeof send>[1];
  if (path === "/v1/ws") return async () => shorten(outcomeOf(await shakeHands(stage.url, listed)));
  return async () =>
    shorten(outcomeOf(await send(stage.url, listed, { token: person?.token, ...call })));
}

/** Says hello and then the frame, and answers with what comes back for the last of them. */
async function talk(url: string, token: string | undefined, frame?: object): Promise<string> {
  const socket = await openRawSocket(url);
  const closed = socket.closed.then(({ code }) => String(code));
  const hello = { t: "hello", v: 1, i: 1, tok: token ?? "made-up" };
  if (token !== undefined || !frame) socket.send(hello);
  if (frame) socket.send(frame);
  const number = frame ? 2 : 1;
  const answer = socket
    .next((got) => got.i === number, "an answer")
    .then(
      (got) => (got.t === "err" ? `${Number(got["c"]) / 10} ${String(got["m"])}` : got.t),
      () => "nothing",
    );
  const outcome = await Promise.race([closed, answer]);
  socket.close();
  return outcome;
}

function shorten(outcome: string): string {
  return Object.entries(REFUSALS).find(([, long]) => long === outcome)?.[0] ?? outcome;
}
