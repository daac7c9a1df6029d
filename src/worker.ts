import { createJobHandlers } from "./jobs.ts";
import { serveJobs } from "./platform/queue/thread.ts";

declare const self: Worker;

serveJobs({
  port: self,
  env: process.env,
  stderr: (line) => void process.stderr.write(`${line}\n`),
  pretty: process.stderr.isTTY === true,
  handlers: createJobHandlers,
});
