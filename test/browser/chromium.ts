import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

import { connectDevTools, type DevTools } from "./devtools.ts";
import { openPage, type Page, type PageOptions } from "./page.ts";

/** A real Chromium without a window. */
export interface Chromium extends AsyncDisposable {
  /** A page with cookies, storage and cache of its own, as on a device of its own. */
  openPage: (options?: PageOptions) => Promise<Page>;
}

const START_LIMIT_MS = 30_000;
const END_LIMIT_MS = 5_000;

/** What keeps Chromium from talking to anybody by itself, so that every request seen is one of the page. */
const QUIET = [
  "--no-first-run",
  "--no-default-browser-check",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-sync",
  "--disable-extensions",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  // A name that is not ours is not even looked up; the attempt is recorded all the same.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
];

/** Starts the Chromium that `bun run test:browser` has found. */
export async function openChromium(): Promise<Chromium> {
  const { TEST_CHROMIUM: program, TEST_BROWSER_DIR: work } = process.env;
  if (!program || !work) throw new Error("Cannot start Chromium: run bun run test:browser");
  const profile = await mkdtemp(join(work, "chromium-"));
  const argv = [program, "--headless=new", "--remote-debugging-port=0", ...QUIET];
  argv.push(`--user-data-dir=${profile}`);
  // Its sandbox cannot be set up by root, which is who runs tests in a container.
  if (process.getuid?.() === 0) argv.push("--no-sandbox");
  const child = Bun.spawn([...argv, "about:blank"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });

  async function close(devtools?: DevTools): Promise<void> {
    await devtools?.call("Browser.close").catch(() => undefined);
    const late = setTimeout(() => child.kill("SIGKILL"), devtools ? END_LIMIT_MS : 0);
    await child.exited;
    clearTimeout(late);
    devtools?.close();
    // Its children write for a moment longer than it lives.
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
  try {
    const devtools = await connectDevTools(await readAddress(child.stderr));
    return {
      openPage: (options) => openPage(devtools, options),
      [Symbol.asyncDispose]: () => close(devtools),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Reads what Chromium says until it has said where it listens, and goes on reading so that it never blocks. */
async function readAddress(stream: ReadableStream<Uint8Array>): Promise<string> {
  const found = Promise.withResolvers<string>();
  const late = setTimeout(
    () => found.reject(new Error("Cannot wait for Chromium any longer")),
    START_LIMIT_MS,
  );
  void (async () => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of stream) {
      text = (text + decoder.decode(chunk, { stream: true })).slice(-10_000);
      const address = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
      if (address) found.resolve(address);
    }
    found.reject(new Error(`Cannot start Chromium: ${text.trim()}`));
  })();
  return await found.promise.finally(() => clearTimeout(late));
}
