import { t } from "elysia";

import { object } from "../../platform/schema.ts";

export const Live = object({ status: t.Literal("healthy") }, { title: "Live" });

export const Ready = object(
  {
    status: t.Union([t.Literal("healthy"), t.Literal("degraded"), t.Literal("unhealthy")], {
      description: "`degraded`: without Redis, what does not need it is still served.",
    }),
    checks: object({ database: t.Boolean(), redis: t.Boolean(), accepting: t.Boolean() }),
  },
  { title: "Ready", description: "Whether this instance may be sent traffic, and why not." },
);

const AWAY = {
  status: "unhealthy",
  checks: { database: false, redis: true, accepting: true },
};

/** What the API's document says about each operation. */
export const operations = {
  checkLive: {
    operationId: "checkLive",
    summary: "Does the process live",
    description:
      "Answers as long as the process does. Asks nothing else, so a restart would help when it fails.",
  },
  checkReady: {
    operationId: "checkReady",
    summary: "May traffic be sent here",
    description: "Not while the instance starts or stops, nor while Postgres is away.",
    responses: {
      200: { description: "Send traffic." },
      503: {
        description: "Send traffic elsewhere.",
        content: { "application/json": { example: AWAY } },
      },
    },
  },
};
