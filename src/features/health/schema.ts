import { t } from "elysia";

import { object } from "../../platform/schema.ts";

export const Live = object({ status: t.Literal("healthy") });

export const Ready = object({
  status: t.Union([t.Literal("healthy"), t.Literal("degraded"), t.Literal("unhealthy")]),
  checks: object({ database: t.Boolean(), redis: t.Boolean(), accepting: t.Boolean() }),
});
