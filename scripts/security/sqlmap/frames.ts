import { FRAMES, type Stage } from "../../../test/support/access_rows.ts";
import { signUp } from "../../../test/support/client.ts";
import type { Call } from "../../../test/support/contract.ts";
import type { Listed } from "../../../test/support/openapi.ts";
import { openSocket } from "../../../test/support/socket.ts";
import { type Reply, steady, type Subject } from "./door.ts";
import { listPlaces } from "./places.ts";

/** What a client may say over a socket, by the name of its row in the access table. */
export const FRAME_NAMES = Object.keys(FRAMES).filter((name) => name !== "SOCKET hb");

/** A frame as if it were an operation whose fields are those of a body. */
export async function frameSubject(url: string, name: string): Promise<Subject> {
  const [owner, member, silent] = await Promise.all([signUp(url), signUp(url), signUp(url)]);
  const others = {
    expired: owner,
    revoked: owner,
    stranger: owner,
    moderator: owner,
    admin: owner,
  };
  const stage: Stage = {
    url,
    people: { ...others, owner, member },
    silent,
    mailId: "",
    exportId: "",
  };
  const make = async (): Promise<Call> => ({ body: await FRAMES[name]?.(stage) });
  return {
    make,
    send: async ({ body }) => await say(url, owner.token, body as object),
    places: listPlaces(await make()).filter((place) => !KEPT.includes(place)),
    shared: new Set(),
  };
}

/** The kind of a frame and the number of its answer: without them nobody would know what came back. */
const KEPT = ["body /t", "body /i"];
const ANSWER_TO = 2;

async function say(url: string, token: string, frame: object): Promise<Reply> {
  const socket = await openSocket(url, token);
  try {
    socket.send(frame);
    const closed = socket.closed.then(({ code }) => ({ t: `closed with ${code}` }));
    const got = await Promise.race([closed, socket.next((one) => one.i === ANSWER_TO)]);
    const raw = JSON.stringify(got);
    const outcome = got.t === "err" ? "refused" : got.t;
    return { outcome, text: steady(outcome, raw), raw };
  } finally {
    socket.close();
  }
}

/** What the report calls it. */
export function listFrame(name: string): Listed {
  const words = { operationId: name, summary: "", description: "", tags: [], parameters: [] };
  return { method: "SOCKET", path: "/v1/ws", operation: { ...words, responses: {} } };
}
