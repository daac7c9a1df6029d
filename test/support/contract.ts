import { request as httpRequest } from "node:http";

import { checkJson } from "./json_schema.ts";
import { codesOf, type Document, type Listed, type Response } from "./openapi.ts";

/** One call of an operation; what is missing takes no part in the request. */
export interface Call {
  params?: Record<string, string>;
  query?: string;
  /** An object goes as JSON, a text as it is. */
  body?: unknown;
  token?: string | undefined;
  headers?: Record<string, string>;
  /** Another instance of the same cluster than the usual one. */
  at?: string;
}

/** The answer of a real server, with its body as text. */
export interface Got {
  status: number;
  headers: Headers;
  text: string;
}

const TIMEOUT_MS = 10_000;

/** Calls an operation as any client would. */
export async function send(base: string, { method, path }: Listed, call: Call): Promise<Got> {
  const { params = {}, query = "", body, token, headers = {}, at = base } = call;
  const place = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name] ?? name);
  const response = await fetch(`${at}${place}${query}`, {
    method,
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Makes the handshake of a WebSocket and hangs up. */
export async function shakeHands(base: string, { path }: Listed): Promise<Got> {
  const done = Promise.withResolvers<Got>();
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
  const headers = {
    connection: "upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": key,
    "sec-websocket-protocol": "frm.v1",
  };
  const request = httpRequest(`${base}${path}`, { headers, timeout: TIMEOUT_MS });
  const take = (status = 0, given: object = {}) =>
    done.resolve({ status, headers: new Headers(given as Record<string, string>), text: "" });
  request.on("upgrade", (answer, socket) => {
    socket.destroy();
    take(answer.statusCode, answer.headers);
  });
  request.on("response", (answer) => take(answer.statusCode, answer.headers));
  request.on("error", (error) => done.reject(error));
  request.end();
  return await done.promise;
}

/** An answer in short: its status, and the code of a problem. */
export function outcomeOf({ status, headers, text }: Got): string {
  if (headers.get("content-type") !== "application/problem+json") return String(status);
  return `${status} ${String((JSON.parse(text) as { code: unknown }).code)}`;
}

/** Every outcome that an operation's documentation promises to be possible. */
export function listOutcomes({ operation }: Listed): string[] {
  return Object.keys(operation.responses).flatMap((status) => {
    const codes = codesOf(operation, status);
    return codes.length === 0 ? [status] : codes.map((code) => `${status} ${code}`);
  });
}

/** How an answer differs from what is documented; empty when it does not. */
export function checkAnswer({ operation }: Listed, got: Got, document: Document): string[] {
  const documented = operation.responses[got.status];
  if (!documented) return [`the status ${got.status} is not documented`];
  return [...checkHeaders(documented, got, document), ...checkBody(documented, got, document)];
}

function checkHeaders(documented: Response, got: Got, { components }: Document): string[] {
  return Object.entries(documented.headers ?? {}).flatMap(([name, header]) => {
    const { required, schema = {} } =
      header.$ref === undefined ? header : (components.headers[name] ?? {});
    const value = got.headers.get(name);
    if (value === null) return required ? [`the header ${name} is missing`] : [];
    return checkJson(schema, value, {}).map((what) => `the header ${name}${what}`);
  });
}

function checkBody(documented: Response, got: Got, { components }: Document): string[] {
  const [expected] = Object.entries(documented.content ?? {});
  if (!expected) return got.text === "" ? [] : ["there is a body, and none is documented"];
  const [type, media] = expected;
  const given = got.headers.get("content-type")?.split(";")[0];
  if (given !== type) return [`the body is ${given ?? "nothing"}, not ${type}`];
  const body = JSON.parse(got.text) as Record<string, unknown>;
  const known = components.schemas["Problem"]?.properties ?? {};
  const unknown = type.includes("problem")
    ? Object.keys(body).filter((name) => !Object.hasOwn(known, name))
    : [];
  return [
    ...checkJson(media.schema, body, components.schemas),
    ...unknown.map((name) => `/${name} is not documented`),
  ];
}
