import { Elysia } from "elysia";

import {
  InvalidCursor,
  NotFound,
  SessionRevoked,
  TokenExpired,
  TokenInvalid,
  TooManyAttempts,
  Unauthenticated,
  ValidationFailed,
} from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { PAGE_LIMIT, PageQuery } from "../../../platform/schema.ts";
import { auth, ReauthenticationRequired } from "../../auth/mod.ts";
import { ExportNotReady } from "../schema/credentials.ts";
import {
  AccountExport,
  ExportDocument,
  ExportPage,
  ExportParams,
  operations,
} from "../schema/lifecycle.ts";
import { fetchExport, getExport, listExports, requestExport } from "../service/exports.ts";

const PLACE = "/v1/account/exports";
const refused = [
  Unauthenticated,
  TokenExpired,
  TokenInvalid,
  SessionRevoked,
  ValidationFailed,
] as const;

/** GET, POST /v1/account/exports · GET …/{id}, …/{id}/document */
export function exportRoutes(platform: Platform) {
  return new Elysia({
    name: "account.exports.routes",
    prefix: PLACE,
    detail: { tags: ["account"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get(
      "",
      ({ query, session }) =>
        listExports(platform, session, { ...query, limit: query.limit ?? PAGE_LIMIT }),
      {
        query: PageQuery,
        response: { 200: ExportPage, ...problems(...refused, InvalidCursor) },
        detail: operations.listExports,
      },
    )
    .post(
      "",
      async ({ session, set }) => {
        const made = await requestExport(platform, session);
        set.status = 202;
        set.headers["location"] = `${PLACE}/${made.id}`;
        return made;
      },
      {
        response: { 202: AccountExport, ...problems(...refused, TooManyAttempts) },
        detail: operations.requestExport,
      },
    )
    .get("/:id", ({ params, session }) => getExport(platform, session, params.id.toLowerCase()), {
      params: ExportParams,
      response: { 200: AccountExport, ...problems(...refused, NotFound) },
      detail: operations.getExport,
    })
    .get(
      "/:id/document",
      async ({ params, session, set }) => {
        const id = params.id.toLowerCase();
        const text = await fetchExport(platform, session, id);
        set.headers["content-type"] = "application/json; charset=utf-8";
        set.headers["content-disposition"] = `attachment; filename="frm-ai-${id}.json"`;
        return new Response(text);
      },
      {
        params: ExportParams,
        response: {
          200: ExportDocument,
          ...problems(...refused, ReauthenticationRequired, NotFound, ExportNotReady),
        },
        detail: operations.fetchExport,
      },
    );
}
