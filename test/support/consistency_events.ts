/** An event as the socket tells it, of a conversation or of the user's own stream. */
export interface Told {
  ch: string;
  seq: number;
  k: string;
  d: Data;
}

type Data = Readonly<Record<string, unknown>>;

/*
 * Every body says which message and which revision it belongs to. So whoever is told of one sees at once whether it is
 * the one that belongs there, whenever it comes and however often.
 */

export function firstBodyOf(clientId: string): string {
  return `said ${clientId.toLowerCase()}`;
}

export function bodyOfRevision(seq: number, rev: number): string {
  return `${seq} changed ${rev} times`;
}

/** What is wrong with what an event says by itself; undefined where it may be right. */
export function faultOf({ ch, seq, k, d }: Told): string | undefined {
  const message = k === "msg.new" ? { ...d, seq } : k === "msg.edit" ? editOf(d) : undefined;
  if (!message || isBlank({ ch, seq, k, d })) return undefined;
  const wanted = wantedBodyOf(message);
  if (message["body"] === wanted) return undefined;
  return `${k} ${seq} of ${ch} says "${String(message["body"])}" where it is "${wanted}"`;
}

/** What a message has to say; `seq`, `rev`, `clientId` and `deletedAt` are its own. */
export function wantedBodyOf(message: Data): string {
  const { seq, rev = 0, clientId, deletedAt } = message;
  if (deletedAt !== undefined && deletedAt !== null) return "";
  return rev === 0 ? firstBodyOf(String(clientId)) : bodyOfRevision(Number(seq), Number(rev));
}

/** Whether it is a change that does not say what the message says. */
export function isBlank({ k, d }: Told): boolean {
  return k === "msg.edit" && d["body"] === "";
}

function editOf({ messageSeq, body, rev }: Data): Data {
  return { seq: messageSeq, body, rev };
}

/**
 * A number for what is the same about an event, however it has come: as a frame, in an answer to `sync`, or out of
 * Postgres. What a message says is not part of it, because that is told as it is now.
 */
export function markOf(kind: string, data: Data): number {
  return Bun.hash.xxHash32(`${kind}|${textOf(kind, data)}`);
}

function textOf(kind: string, data: Data): string {
  switch (kind) {
    case "msg.new":
      return `${String(data["id"])}|${String(data["clientId"])}|${String(data["senderId"])}`;
    case "msg.edit":
      return `${String(data["messageId"])}|${String(data["messageSeq"])}|${String(data["actorId"])}`;
    default:
      return JSON.stringify(inOrder(data));
  }
}

/** The same value with its keys in the order of the alphabet, because Postgres keeps another one. */
export function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, inOrder(each)]));
}
