import { Elysia } from "elysia";

import { Forbidden, InvalidCursor, NotFound, ValidationFailed } from "../../platform/errors.ts";
import { SIGNED_IN_REFUSALS } from "../../platform/http/access.ts";
import type { Platform } from "../../platform/platform.ts";
import { problems } from "../../platform/problems.ts";
import { PAGE_LIMIT, PageQuery } from "../../platform/schema.ts";
import { AuditPage } from "../audit/mod.ts";
import { auth, LastAdmin, ReauthenticationRequired } from "../auth/mod.ts";
import {
  AdminUser,
  AdminUserPage,
  operations,
  OwnAccount,
  UserParams,
  UserPatch,
  UserQuery,
} from "./schema.ts";
import { changeUser } from "./service/changes.ts";
import { listAuditOf } from "./service/logs.ts";
import { listUsers } from "./service/users.ts";

/** To whoever may not, there is nothing here. */
const refused = [...SIGNED_IN_REFUSALS, NotFound, ValidationFailed] as const;

/** GET /v1/admin/users · PATCH …/{id} · GET …/{id}/audit */
export function adminRoutes(platform: Platform) {
  return new Elysia({ name: "admin.routes", prefix: "/v1/admin", detail: { tags: ["admin"] } })
    .use(auth(platform))
    .get(
      "/users",
      ({ query, session }) =>
        listUsers(platform, session, { ...query, limit: query.limit ?? PAGE_LIMIT }),
      {
        may: "users.read",
        query: UserQuery,
        response: { 200: AdminUserPage, ...problems(...refused, Forbidden, InvalidCursor) },
        detail: operations.listUsers,
      },
    )
    .patch(
      "/users/:id",
      ({ body, params, session }) =>
        changeUser(platform, session, { userId: params.id.toLowerCase(), patch: body }),
      {
        may: "users.ban",
        params: UserParams,
        body: UserPatch,
        response: {
          200: AdminUser,
          ...problems(...refused, Forbidden, ReauthenticationRequired, OwnAccount, LastAdmin),
        },
        detail: operations.changeUser,
      },
    )
    .get(
      "/users/:id/audit",
      ({ params, query, session }) =>
        listAuditOf(platform, session, {
          ...query,
          userId: params.id.toLowerCase(),
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        may: "audit.read_any",
        params: UserParams,
        query: PageQuery,
        response: { 200: AuditPage, ...problems(...refused, InvalidCursor) },
        detail: operations.listUserAudit,
      },
    );
}
