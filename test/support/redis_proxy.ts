import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A way to a Redis on which single connections can be cut, or made to look alive while nothing passes any more. */
export interface RedisProxy extends Disposable {
  url: string;
  /** Ends the connections that gave themselves this name. @returns how many. */
  cut: (name: string) => number;
  /** Swallows all that they send and get, until they are closed. @returns how many. */
  silence: (name: string) => number;
}

interface Passage {
  client: Socket;
  server: Socket;
  /** The first bytes, in which a client says its name. */
  greeting: string;
  isSilent: boolean;
}

const MAX_GREETING = 1_000;

export function openRedisProxy(redisUrl: string): RedisProxy {
  const folder = mkdtempSync(join(tmpdir(), "frm-proxy-"));
  const path = join(folder, "redis.sock");
  const target = decodeURIComponent(new URL(redisUrl).pathname);
  const passages = new Set<Passage>();
  const listener = createServer((client) => {
    const server = connect(target);
    const passage: Passage = { client, server, greeting: "", isSilent: false };
    passages.add(passage);
    client.on("data", (bytes: Buffer) => {
      if (passage.greeting.length < MAX_GREETING) passage.greeting += bytes.toString("latin1");
      if (!passage.isSilent) server.write(bytes);
    });
    server.on("data", (bytes: Buffer) => {
      if (!passage.isSilent) client.write(bytes);
    });
    for (const side of [client, server]) {
      side.on("error", () => end(passage));
      side.on("close", () => end(passage));
    }
  });
  listener.listen(path);

  function end(passage: Passage): void {
    passages.delete(passage);
    passage.client.destroy();
    passage.server.destroy();
  }
  function named(name: string): Passage[] {
    return [...passages].filter(({ greeting }) => greeting.includes(name));
  }
  return {
    url: `redis+unix://${path}`,
    cut: (name) => {
      const found = named(name);
      for (const passage of found) end(passage);
      return found.length;
    },
    silence: (name) => {
      const found = named(name);
      for (const passage of found) passage.isSilent = true;
      return found.length;
    },
    [Symbol.dispose]: () => {
      for (const passage of passages) end(passage);
      listener.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
