import { Elysia } from "elysia";

import { InvalidCursor, ValidationFailed } from "../../platform/errors.ts";
import { SIGNED_IN_REFUSALS } from "../../platform/http/access.ts";
import type { Platform } from "../../platform/platform.ts";
import { problems } from "../../platform/problems.ts";
import { PAGE_LIMIT, PageQuery } from "../../platform/schema.ts";
import { auth } from "../auth/mod.ts";
import { AuditPage, operations } from "./schema.ts";
import { listAudit } from "./service.ts";

const refused = problems(...SIGNED_IN_REFUSALS, ValidationFailed, InvalidCursor);

/** GET /v1/me/audit */
export function auditRoutes(platform: Platform) {
  return new Elysia({ name: "audit.routes", detail: { tags: ["audit"] } }).use(auth(platform)).get(
    "/v1/me/audit",
    ({ query, session: { userId } }) =>
      listAudit(platform, {
        ...query,
        readerId: userId,
        userId,
        limit: query.limit ?? PAGE_LIMIT,
      }),
    {
      signedIn: true,
      query: PageQuery,
      response: { 200: AuditPage, ...refused },
      detail: operations.listMyAudit,
    },
  );
}
