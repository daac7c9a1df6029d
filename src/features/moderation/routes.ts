import { Elysia } from "elysia";

import { Forbidden, InvalidCursor, NotFound, ValidationFailed } from "../../platform/errors.ts";
import { SIGNED_IN_REFUSALS } from "../../platform/http/access.ts";
import type { Platform } from "../../platform/platform.ts";
import { problems } from "../../platform/problems.ts";
import { RateLimited } from "../../platform/realtime/rate.ts";
import { PAGE_LIMIT } from "../../platform/schema.ts";
import { auth, ReauthenticationRequired } from "../auth/mod.ts";
import {
  NewReport,
  operations,
  OwnMessage,
  Report,
  ReportDetails,
  ReportPage,
  ReportParams,
  ReportQuery,
  ReportResolved,
  Resolution,
} from "./schema.ts";
import { reportMessage } from "./service/reporting.ts";
import { resolveReport } from "./service/resolving.ts";
import { getReport, listReports } from "./service/reviewing.ts";

const refused = [...SIGNED_IN_REFUSALS, NotFound, ValidationFailed] as const;

/** POST /v1/reports */
export function reportRoutes(platform: Platform) {
  return new Elysia({ name: "moderation.reports", detail: { tags: ["moderation"] } })
    .use(auth(platform))
    .post(
      "/v1/reports",
      async ({ body, session, set }) => {
        const { report, created } = await reportMessage(platform, session.userId, body);
        set.status = created ? 201 : 200;
        return report;
      },
      {
        signedIn: true,
        body: NewReport,
        response: { 200: Report, 201: Report, ...problems(...refused, OwnMessage, RateLimited) },
        detail: operations.report,
      },
    );
}

/** GET /v1/admin/reports · GET …/{id} · POST …/{id}/resolve */
export function reviewRoutes(platform: Platform) {
  return new Elysia({
    name: "moderation.review",
    prefix: "/v1/admin/reports",
    detail: { tags: ["admin"] },
  })
    .use(auth(platform))
    .get(
      "",
      ({ query, session }) =>
        listReports(platform, session.userId, { ...query, limit: query.limit ?? PAGE_LIMIT }),
      {
        may: "reports.list",
        query: ReportQuery,
        response: { 200: ReportPage, ...problems(...refused, InvalidCursor) },
        detail: operations.listReports,
      },
    )
    .get(
      "/:id",
      ({ params, session }) => getReport(platform, session.userId, params.id.toLowerCase()),
      {
        may: "reports.list",
        params: ReportParams,
        response: { 200: ReportDetails, ...problems(...refused) },
        detail: operations.getReport,
      },
    )
    .post(
      "/:id/resolve",
      ({ body, params, session }) => {
        const reportId = params.id.toLowerCase();
        return resolveReport(platform, session, { reportId, resolution: body });
      },
      {
        may: "reports.resolve",
        params: ReportParams,
        body: Resolution,
        response: {
          200: ReportDetails,
          ...problems(...refused, Forbidden, ReauthenticationRequired, ReportResolved),
        },
        detail: operations.resolveReport,
      },
    );
}
