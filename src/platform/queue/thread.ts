import { createLifecycle } from "../lifecycle.ts";
import { createLog } from "../log.ts";
import { openWorker } from "../open_worker.ts";
import type { WorkerPlatform } from "../platform.ts";
import type { Environment } from "../settings.ts";
import { readWorkerConfig } from "../worker_config.ts";
import type { JobHandler } from "./definition.ts";
import type { SupervisorMessage, WorkerMessage } from "./messages.ts";
import type { Runner, RunnerLimits } from "./runner.ts";

/** The two directions between a thread and its supervisor. */
interface Port {
  postMessage(message: WorkerMessage): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

export interface ThreadOptions {
  port: Port;
  env: Environment;
  stderr: (line: string) => void;
  pretty: boolean;
  handlers: (platform: WorkerPlatform) => JobHandler[];
  limits?: Partial<RunnerLimits>;
}

const CLOSE_DEADLINE_MS = 5_000;
const now = () => new Date();

/**
 * The life of a worker thread: it begins under the name that its supervisor gives it, works, and ends when told to.
 * Whatever goes wrong at the start ends the thread, and the supervisor makes another.
 */
export function serveJobs(options: ThreadOptions): void {
  const { port } = options;
  const begun = Promise.withResolvers<string>();
  let runner: Runner | undefined;
  let graceMs: number | undefined;

  // Before anything is awaited, because a message that nobody listens for is lost.
  port.addEventListener("message", (event) => {
    const message = event.data as SupervisorMessage;
    if (message.type === "begin") {
      begun.resolve(message.consumer);
      setInterval(() => tell({ type: "alive" }), message.aliveMs);
    }
    if (message.type === "lost") runner?.abandon(message.entries);
    if (message.type === "stop") {
      graceMs = message.graceMs;
      runner?.stop(graceMs);
    }
  });
  void work();

  function tell(message: WorkerMessage): void {
    port.postMessage(message);
  }
  async function work(): Promise<void> {
    const config = await readWorkerConfig(options.env);
    const { pretty, stderr } = options;
    const log = createLog({ level: config.logLevel, pretty, write: stderr, now });
    const lifecycle = createLifecycle(log, CLOSE_DEADLINE_MS);
    const consumer = await begun.promise;
    const { handlers, limits } = options;
    runner = await openWorker({ config, log, now, lifecycle, consumer, handlers, tell, limits });
    if (graceMs !== undefined) runner.stop(graceMs);
    tell({ type: "ready" });
    await runner.run();
    await lifecycle.stop();
    tell({ type: "stopped" });
  }
}
