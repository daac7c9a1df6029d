import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openEmbeddedServices } from "../../src/platform/embedded/services.ts";

/** A Redis of a test's own, which it may stop and start without harm to others. */
export interface TestRedisServer extends AsyncDisposable {
  url: URL;
  stop(): Promise<void>;
  /** Starts it again, with what it held. */
  start(): Promise<void>;
  /** A way to it that can be made to fall silent. */
  openDetour(): Detour;
}

/** Passes everything on until it is told to swallow what connections of one name send and get. */
export interface Detour extends Disposable {
  url: URL;
  /** From now on the connections that gave themselves this name look alive and are not. @returns how many. */
  silence(name: string): number;
  /** The same for those that come with this name as well. */
  silenceAll(name: string): void;
}

export async function openTestRedisServer(): Promise<TestRedisServer> {
  const dataDir = await mkdtemp(join(tmpdir(), "frm-test-"));
  const open = () =>
    openEmbeddedServices({
      dataDir,
      postgres: false,
      redis: true,
      durable: false,
      progress: () => undefined,
    });
  let services = await open();
  const url = new URL(services.redisUrl ?? "");
  return {
    url,
    stop: () => services.close(),
    start: async () => {
      services = await open();
    },
    openDetour: () => openDetour(url, dataDir),
    [Symbol.asyncDispose]: async () => {
      await services.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

interface Passage {
  server: Promise<Bun.Socket>;
  greeting: string;
  isSilent: boolean;
}

const MAX_GREETING = 1_000;

function openDetour(url: URL, folder: string): Detour {
  const unix = join(folder, `detour-${Bun.randomUUIDv7()}.sock`);
  const passages = new Set<Passage>();
  let forbidden: string | undefined;
  const listener = Bun.listen<Passage>({
    unix,
    socket: {
      open: (client) => {
        const passage: Passage = {
          isSilent: false,
          greeting: "",
          server: Bun.connect({
            unix: decodeURIComponent(url.pathname),
            socket: {
              data: (_server, bytes) => void (passage.isSilent || client.write(bytes)),
              close: () => void client.end(),
            },
          }),
        };
        client.data = passage;
        passages.add(passage);
        passage.server.catch(() => void client.end());
      },
      data: async ({ data: passage }, bytes) => {
        if (passage.greeting.length < MAX_GREETING) passage.greeting += bytes.toString();
        if (forbidden !== undefined) passage.isSilent ||= passage.greeting.includes(forbidden);
        const copy = Buffer.from(bytes);
        const server = await passage.server.catch(() => undefined);
        if (!passage.isSilent) server?.write(copy);
      },
      close: async ({ data: passage }) => {
        passages.delete(passage);
        (await passage.server.catch(() => undefined))?.end();
      },
    },
  });
  const silence = (name: string) => {
    const found = [...passages].filter(({ greeting }) => greeting.includes(name));
    for (const passage of found) passage.isSilent = true;
    return found.length;
  };
  return {
    url: new URL(`redis+unix://${unix}`),
    silence,
    silenceAll: (name) => {
      forbidden = name;
      silence(name);
    },
    [Symbol.dispose]: () => listener.stop(true),
  };
}
