import { type Call, outcomeOf } from "../../../test/support/contract.ts";
import { exchange } from "../../../test/support/fuzz_wire.ts";
import type { Listed } from "../../../test/support/openapi.ts";
import { mapCall, type Place } from "./places.ts";

/** What a tool that knows only plain forms sends in the place of what an ordinary call has. */
export const USUAL = "usual";

const MAX_REMEMBERED = 5;
const HANDSHAKE = {
  connection: "upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};
/** What differs from one answer to the next whatever was sent; a tool that compares answers must not see it. */
const CHANGING: [RegExp, string][] = [
  [/"requestId":"[^"]*"/g, '"requestId":""'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, "TIME"],
  [/[\w-]{16,}/g, "RANDOM"],
];

export interface Reply {
  /** The status, and the code of a problem. */
  outcome: string;
  /** What a tool that looks for differences gets to see. */
  text: string;
  /** The body as it came. */
  raw: string;
}

/** One kind of request, whose places a tool may fill. */
export interface Subject {
  /** The texts of a call that would succeed, made anew each time, because a call that succeeds may use them up. */
  make: () => Call | Promise<Call>;
  send: (call: Call) => Promise<Reply>;
  places: Place[];
  shared: ReadonlySet<string>;
}

/** A door to a subject that any tool for plain forms can use: each place is a field, and what comes in goes out anew. */
export interface Door extends AsyncDisposable {
  url: string;
  /** The form of the ordinary call, whose fields are numbered as the places are. */
  form: string;
  requests: () => number;
  /** How often the ordinary call had which outcome. */
  ordinary: Map<string, number>;
  /** Answers that no input may bring about, and requests that had none. */
  failures: string[];
}

export function fieldOf(at: number): string {
  return `p${at}`;
}

export function openDoor(subject: Subject): Door {
  const { places } = subject;
  const ordinary = new Map<string, number>();
  const failures: string[] = [];
  let requests = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: async (request) => {
      requests += 1;
      const fields = new URLSearchParams(await request.text());
      const given = new Map(places.map((place, at) => [place, fields.get(fieldOf(at)) ?? USUAL]));
      const isOrdinary = [...given.values()].every((text) => text === USUAL);
      const reply = await answer(subject, given).catch((error: unknown): Reply => {
        const what = error instanceof Error ? error.message : String(error);
        return { outcome: "no answer", text: what, raw: "" };
      });
      if (isOrdinary) ordinary.set(reply.outcome, (ordinary.get(reply.outcome) ?? 0) + 1);
      if (/^(?:5\d\d|no answer)/.test(reply.outcome) && failures.length < MAX_REMEMBERED)
        failures.push(`${reply.outcome} to ${JSON.stringify(Object.fromEntries(given))}`);
      return new Response(reply.text, { headers: { "content-type": "text/plain" } });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/`,
    form: places.map((_, at) => `${fieldOf(at)}=${USUAL}`).join("&"),
    requests: () => requests,
    ordinary,
    failures,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

async function answer(subject: Subject, given: Map<Place, string>): Promise<Reply> {
  const call = await subject.make();
  return await subject.send(
    mapCall(
      call,
      (place, usual) => (given.get(place) ?? USUAL).replaceAll(USUAL, () => usual),
      subject.shared,
    ),
  );
}

/** Sends calls of one operation byte for byte, so that no client library mends what a tool has written. */
export function sender(base: string, { method, path }: Listed): (call: Call) => Promise<Reply> {
  return async (call) => {
    const { params = {}, query = "", body, headers = {}, at = base } = call;
    const place = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent((params[name] ?? name).toWellFormed()),
    );
    const isHandshake = Object.hasOwn(headers, "sec-websocket-protocol");
    const usual: Record<string, string> = {
      host: new URL(at).host,
      ...(isHandshake ? HANDSHAKE : { connection: "close" }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    const got = await exchange(at, {
      method,
      target: `${place}${query}`,
      headers: Object.entries({ ...usual, ...headers }).map(([name, text]) => [
        name,
        oneLine(text),
      ]),
      chunked: false,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const outcome = got.status === 101 ? "101" : outcomeOf(got);
    return { outcome, text: steady(outcome, got.text), raw: got.text };
  };
}

/** The answer without what changes by itself. */
export function steady(outcome: string, text: string): string {
  const rest = CHANGING.reduce((left, [what, name]) => left.replaceAll(what, name), text);
  return `${outcome}\n${rest}`;
}

/** A header ends with its line, and more than one line would be more than one header. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\0]/g, " ");
}
