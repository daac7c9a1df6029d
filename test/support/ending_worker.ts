import { createJobHandlers } from "../../src/jobs.ts";
import { serveJobs } from "../../src/platform/queue/thread.ts";

/** The product's own worker, but its thread ends in the middle of the first job that it is given. */
declare const self: Worker;

const marker = Bun.file(process.env["ENDED_MARKER"] ?? "");

serveJobs({
  port: self,
  env: process.env,
  stderr: (line) => void process.stderr.write(`${line}\n`),
  pretty: false,
  handlers: (platform) =>
    createJobHandlers(platform).map(({ kind, run }) => ({
      kind,
      run: async (payload, context) => {
        if (!(await marker.exists())) {
          await marker.write("ended");
          process.exit(1);
        }
        await run(payload, context);
      },
    })),
});
