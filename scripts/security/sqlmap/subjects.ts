import type { Call } from "../../../test/support/contract.ts";
import type { Document, Listed } from "../../../test/support/openapi.ts";
import { type Reply, sender, type Subject } from "./door.ts";
import type { Make } from "./fresh.ts";
import { addPlace, listDocumented, listPlaces, type Place, sampleOf } from "./places.ts";

/** An operation's call that could not be made to succeed, so that nothing was tried. */
export class NotExercised extends Error {}

/** What a browser or a proxy adds, and the product reads or may come to read. */
const USUAL_HEADERS = {
  "accept-language": "vi-VN,vi;q=0.9",
  "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
  "x-request-id": "a-good-request-id",
  "x-forwarded-for": "203.0.113.9",
  "if-none-match": '"made-up"',
  referer: "https://app.example.com/",
};
const METHODS_WITH_KEY = new Set(["POST", "PUT", "PATCH", "DELETE"]);
const QUOTE = "'\"";
const CURSOR = "query cursor";
/** What a call without would still succeed, but as another one: these are tried each by itself. */
const CREDENTIALS = new Set(["authorization", "cookie", "origin", "x-frm-csrf"]);

interface Operation {
  base: string;
  listed: Listed;
  document: Pick<Document, "components">;
}

/** Whether an operation did what it is for. */
export function isSuccess(outcome: string, { method, operation }: Listed): boolean {
  if (method === "SOCKET") return /^(?:ack|ok|[a-z]+\.ok)$/.test(outcome);
  return /^(?:101|2\d\d)$/.test(outcome) && Object.hasOwn(operation.responses, outcome);
}

/**
 * The calls of an operation with all their places: first the given ones, then one for what no call has. The headers
 * that turn no call away are tried together, and on the first call alone.
 * @throws NotExercised when a call does not succeed, or a documented place is in none of them.
 */
export async function listSubjects(
  operation: Operation,
  calls: Record<string, Make>,
): Promise<[name: string, subject: Subject][]> {
  const { base, listed } = operation;
  const send = sender(base, listed);
  const [first, ...others] = Object.entries(calls);
  if (!first) throw new NotExercised("nothing says how to call it");
  const subjects: [string, Subject][] = [];
  const covered = new Set<Place>();
  for (const [at, [name, make]] of [first, ...others].entries()) {
    const add = at === 0 ? { ...USUAL_HEADERS, ...keyOf(listed) } : {};
    const whole = async () => complete(await make(), add);
    await assertSuccess(name, { send, make: whole, listed });
    const shared = await findShared({ send, make: whole, listed });
    const call = await whole();
    for (const place of listPlaces(call)) covered.add(place);
    subjects.push([name, { send, make: whole, shared, places: listPlaces(call, shared) }]);
  }
  const rest = await reachRest({ ...operation, send }, { make: first[1], covered });
  return rest === undefined ? subjects : [...subjects, ["with what is optional", rest]];
}

function keyOf({ method }: Listed): Record<string, string> {
  return METHODS_WITH_KEY.has(method) ? { "idempotency-key": "" } : {};
}

function complete(call: Call, added: Record<string, string>): Call {
  const bearer = call.token === undefined ? {} : { authorization: `Bearer ${call.token}` };
  const key = Object.hasOwn(added, "idempotency-key")
    ? { "idempotency-key": crypto.randomUUID() }
    : {};
  const { token: _token, ...rest } = call;
  return { ...rest, headers: { ...added, ...key, ...bearer, ...call.headers } };
}

interface Attempt {
  send: (call: Call) => Promise<Reply>;
  make: () => Promise<Call>;
  listed: Listed;
}

async function assertSuccess(name: string, { send, make, listed }: Attempt): Promise<void> {
  const { outcome } = await send(await make());
  if (!isSuccess(outcome, listed))
    throw new NotExercised(`the ordinary call (${name}) is answered ${outcome}`);
}

/** The headers in which even quotes turn no call away. */
async function findShared({ send, make, listed }: Attempt): Promise<Set<string>> {
  const shared = new Set<string>();
  for (const name of Object.keys((await make()).headers ?? {})) {
    if (CREDENTIALS.has(name)) continue;
    const call = await make();
    const headers = { ...call.headers, [name]: `${call.headers?.[name] ?? ""}${QUOTE}` };
    if (isSuccess((await send({ ...call, headers })).outcome, listed)) shared.add(name);
  }
  return shared;
}

/** A call with what the others leave out, each of which must leave it a success. */
async function reachRest(
  { listed, document, send }: Operation & { send: Attempt["send"] },
  { make, covered }: { make: Make; covered: Set<Place> },
): Promise<Subject | undefined> {
  // A cursor belongs to the filters that it was made with, so it comes behind them.
  const missing = listDocumented(listed, document.components.schemas)
    .filter(({ place }) => !covered.has(place))
    .toSorted((one, other) => Number(one.place === CURSOR) - Number(other.place === CURSOR));
  const values = new Map<Place, unknown>();
  const fill = (call: Call) =>
    [...values].reduce<Call>((rest, [place, value]) => addPlace(rest, place, value) ?? rest, call);
  for (const { place, schema } of missing) {
    const filled = async () => fill(await make());
    const value = place === CURSOR ? await findCursor({ send, make: filled }) : sampleOf(schema);
    if (addPlace({}, place, value) === undefined || value === undefined)
      throw new NotExercised(`nothing says what an ordinary call has in ${place}`);
    values.set(place, value);
    const { outcome } = await send(complete(fill(await make()), {}));
    if (!isSuccess(outcome, listed))
      throw new NotExercised(`with ${place} the ordinary call is answered ${outcome}`);
  }
  if (values.size === 0) return undefined;
  const whole = async () => complete(fill(await make()), {});
  const places = [...values.keys()];
  return { send, make: whole, shared: new Set(), places };
}

/** Where the second page of the ordinary list begins. */
async function findCursor({
  send,
  make,
}: {
  send: Attempt["send"];
  make: Make;
}): Promise<string | undefined> {
  const call = addPlace(await make(), "query limit", 1);
  const { raw } = await send(complete(call ?? {}, {}));
  return /"nextCursor":"([^"]+)"/.exec(raw)?.[1];
}
