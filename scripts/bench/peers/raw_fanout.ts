/**
 * The least that delivers a message to every socket of every process: Bun's native topics, and Redis pub/sub between
 * the processes. With a database it also stores each message first, in one INSERT.
 */
import postgres from "postgres";
import { createClient } from "redis";

const TOPIC = "bench";
const { REDIS_URL = "", CHANNEL = "", PGHOST, PGUSER = "", PGDATABASE = "", POOL_SIZE } = Bun.env;
const store = PGHOST === undefined ? undefined : openStore(PGHOST);

const url = new URL(REDIS_URL);
const publisher = createClient({ socket: { path: url.pathname, tls: false } });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: (request, bun): Response | undefined =>
    bun.upgrade(request, { data: undefined }) ? undefined : new Response(),
  websocket: {
    perMessageDeflate: false,
    open: (ws) => void ws.subscribe(TOPIC),
    message: async (_, text) => {
      await store?.(String(text));
      await publisher.publish(CHANNEL, String(text));
    },
  },
});
await subscriber.subscribe(CHANNEL, (text) => server.publish(TOPIC, text));
console.log(`listening on http://localhost:${server.port}`);

interface Sent {
  ch: string;
  d: { id: string; clientId: string; senderId: string; body: string };
}

function openStore(folder: string): (text: string) => Promise<unknown> {
  const sql = postgres({
    path: `${folder}/.s.PGSQL.5432`,
    user: PGUSER,
    database: PGDATABASE,
    max: Number(POOL_SIZE),
  });
  return async (text) => {
    const { ch, d } = JSON.parse(text) as Sent;
    await sql`insert into bench_messages (id, channel, sender_id, client_id, body)
      values (${d.id}, ${ch}, ${d.senderId}, ${d.clientId}, ${d.body})`;
  };
}
