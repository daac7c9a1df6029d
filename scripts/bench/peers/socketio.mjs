/**
 * Socket.IO with its Redis adapter, over WebSocket alone: every socket is in one room, and what one sends goes to all.
 * With a database it also stores each message first, in one INSERT.
 */
import { createServer } from "node:http";

import { createAdapter } from "@socket.io/redis-adapter";
import postgres from "postgres";
import { createClient } from "redis";
import { Server } from "socket.io";

const { REDIS_URL = "", CHANNEL = "", PGHOST, PGUSER, PGDATABASE, POOL_SIZE } = process.env;
const ROOM = "bench";

const publisher = createClient({ socket: { path: new URL(REDIS_URL).pathname } });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const sql =
  PGHOST === undefined
    ? undefined
    : postgres({
        path: `${PGHOST}/.s.PGSQL.5432`,
        user: PGUSER,
        database: PGDATABASE,
        max: Number(POOL_SIZE),
      });

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  serveClient: false,
  adapter: createAdapter(publisher, subscriber, { key: CHANNEL }),
});
io.on("connection", (socket) => {
  void socket.join(ROOM);
  socket.on("send", async (message) => {
    if (sql) {
      const { ch, d } = message;
      await sql`insert into bench_messages (id, channel, sender_id, client_id, body)
        values (${d.id}, ${ch}, ${d.senderId}, ${d.clientId}, ${d.body})`;
    }
    io.to(ROOM).emit("ev", message);
  });
});
http.listen(0, "127.0.0.1", () => {
  console.log(`listening on http://localhost:${http.address().port}`);
});
