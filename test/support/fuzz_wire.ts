import type { Got } from "./contract.ts";

/** A request as it goes out, byte for byte; a client library would mend much of what is to be tried. */
export interface Wire {
  method: string;
  target: string;
  headers: [name: string, value: string][];
  body?: string;
  chunked: boolean;
}

const TIMEOUT_MS = 10_000;
const CHUNK_BYTES = 1_000;
const BLANK_LINE = "\r\n\r\n";

/** Sends one request over a connection of its own. @throws when no whole answer comes in time. */
export async function exchange(base: string, wire: Wire): Promise<Got> {
  const { hostname, port } = new URL(base);
  const done = Promise.withResolvers<Got>();
  const late = () => done.reject(new Error("Cannot read an answer: none came in time"));
  const timer = setTimeout(late, TIMEOUT_MS);
  let bytes = Buffer.alloc(0);
  const look = (ended: boolean) => {
    const got = readAnswer(bytes, { ended, method: wire.method });
    if (got) done.resolve(got);
    else if (ended)
      done.reject(new Error(`Cannot read an answer: it ends after ${bytes.length} bytes`));
  };
  let rest = Buffer.from(writeRequest(wire), "latin1");
  const push = (socket: { write: (data: Uint8Array) => number }) => {
    const written = rest.length > 0 ? socket.write(rest) : 0;
    if (written > 0) rest = rest.subarray(written);
  };
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: push,
      drain: push,
      data: (_, chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
        look(false);
      },
      close: () => look(true),
      error: (_, error) => done.reject(error),
    },
  });
  try {
    return await done.promise;
  } finally {
    clearTimeout(timer);
    socket.terminate();
  }
}

/** Every character is one byte. What is not ASCII is encoded, but for the byte that no UTF-8 has. */
function writeRequest({ method, target, headers, body, chunked }: Wire): string {
  const encoded = Buffer.from(body ?? "", "utf8").toString("latin1");
  const bytes = body === undefined ? undefined : encoded.replaceAll("{{raw.ff}}", "\u00ff");
  const framing =
    bytes === undefined
      ? ""
      : chunked
        ? "transfer-encoding: chunked\r\n"
        : `content-length: ${bytes.length}\r\n`;
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const content = bytes === undefined ? "" : chunked ? inChunks(bytes) : bytes;
  return `${method} ${target} HTTP/1.1\r\n${lines}${framing}\r\n${content}`;
}

function inChunks(text: string): string {
  let chunks = "";
  for (let at = 0; at < text.length; at += CHUNK_BYTES) {
    const chunk = text.slice(at, at + CHUNK_BYTES);
    chunks += `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
  }
  return `${chunks}0\r\n\r\n`;
}

interface Reading {
  ended: boolean;
  method: string;
}

/** The answer, once it is whole. */
function readAnswer(bytes: Buffer, { ended, method }: Reading): Got | undefined {
  const end = bytes.indexOf(BLANK_LINE);
  if (end === -1) return undefined;
  const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]);
  const rest = bytes.subarray(end + BLANK_LINE.length);
  if (status === 100) return readAnswer(rest, { ended, method });
  const headers = new Headers();
  for (const line of lines) {
    const at = line.indexOf(":");
    headers.append(line.slice(0, at), line.slice(at + 1).trim());
  }
  const text = readBody(rest, { headers, ended, empty: method === "HEAD" || status < 200 });
  return text === undefined ? undefined : { status, headers, text };
}

interface Body {
  headers: Headers;
  ended: boolean;
  empty: boolean;
}

function readBody(rest: Buffer, { headers, ended, empty }: Body): string | undefined {
  if (empty) return "";
  if (headers.get("transfer-encoding") === "chunked") return readChunks(rest);
  const length = Number(headers.get("content-length") ?? Number.NaN);
  if (Number.isNaN(length)) return ended ? rest.toString() : undefined;
  return rest.length >= length ? rest.toString("utf8", 0, length) : undefined;
}

function readChunks(rest: Buffer): string | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const line = rest.indexOf("\r\n", at);
    if (line === -1) return undefined;
    const size = Number.parseInt(rest.toString("latin1", at, line), 16);
    if (size === 0) return Buffer.concat(parts).toString();
    parts.push(rest.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
