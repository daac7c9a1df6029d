import { Elysia } from "elysia";

import { ACCESS } from "../../platform/http/access.ts";
import type { ReadinessCheck } from "../../platform/readiness.ts";
import { Live, operations, Ready } from "./schema.ts";

const common = { tags: ["health"], [ACCESS]: "open" };

/** GET /health/live: this process turns its loop · GET /health/ready: send it traffic, or do not. */
export function healthRoutes(readiness: ReadinessCheck) {
  return new Elysia({ name: "health.routes", prefix: "/health" })
    .get("/live", () => ({ status: "healthy" as const }), {
      detail: { ...common, ...operations.checkLive },
      response: { 200: Live },
    })
    .get(
      "/ready",
      async ({ set }) => {
        const answer = await readiness.check();
        set.status = answer.status === "unhealthy" ? 503 : 200;
        return answer;
      },
      { detail: { ...common, ...operations.checkReady }, response: { 200: Ready, 503: Ready } },
    );
}
