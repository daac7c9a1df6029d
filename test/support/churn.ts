import { converse, type Person, signUp } from "./client.ts";
import { openRawSocket } from "./socket.ts";

/** People who write to each other, and whose sockets come and go. */
export interface Churn {
  /** Opens and closes this many sockets. */
  run: (count: number) => Promise<void>;
}

const PEOPLE = 6;
const AT_ONCE = 60;

export async function openChurn(url: string): Promise<Churn> {
  const people = await Promise.all(Array.from({ length: PEOPLE }, () => signUp(url)));
  const memberIds = people.slice(1).map(({ id }) => id);
  const token = people[0]?.token ?? "";
  const id = await converse(url, token, { kind: "group", name: "All", memberIds });
  return {
    run: async (count) => {
      for (let done = 0; done < count; done += AT_ONCE)
        await Promise.all(
          Array.from({ length: AT_ONCE }, (_, at) =>
            visit(url, { person: people[at % PEOPLE], channel: `c:${id}`, at }),
          ),
        );
    },
  };
}

interface Visit {
  person: Person | undefined;
  channel: string;
  at: number;
}

/** Comes, says something, follows something, and goes: most say goodbye, and some leave before they are greeted. */
async function visit(url: string, { person, channel, at }: Visit): Promise<void> {
  const socket = await openRawSocket(url);
  socket.send({ t: "hello", v: 1, i: 1, tok: person?.token ?? "" });
  if (at % 10 === 0) return socket.close();
  await socket.next(({ t }) => t === "hello.ok", "hello.ok");
  const cid = crypto.randomUUID();
  socket.send([
    { t: "sub", i: 2, ch: [`ticker:T${at}`] },
    { t: "sync", i: 3, ch: channel, from: 0, lim: 5 },
    { t: "hb", i: 4, p: { [channel]: 1 } },
    ...(at % 20 === 1 ? [{ t: "send", i: 5, ch: channel, cid, body: "Xin chào" }] : []),
  ]);
  await socket.next(({ i }) => i === 4, "an answer");
  socket.close();
  await socket.closed;
}
