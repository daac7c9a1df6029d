import { Elysia } from "elysia";

import { Forbidden, InvalidCursor, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { PAGE_LIMIT, PageQuery } from "../../../platform/schema.ts";
import { auth } from "../../auth/mod.ts";
import { banOperations, BanPage, StillMember, TooManyBans } from "../schema/bans.ts";
import { ConversationParams, NotAGroup } from "../schema/conversations.ts";
import { MemberParams } from "../schema/members.ts";
import { barUser, listBans, unbarUser } from "../service/bans.ts";
import { place } from "./place.ts";
import { REFUSALS } from "./refusals.ts";

const refused = [...REFUSALS, Forbidden, NotFound, NotAGroup] as const;

/** GET /v1/conversations/{id}/bans · PUT, DELETE …/{userId} */
export function banRoutes(platform: Platform) {
  return new Elysia({ name: "chat.bans", prefix: "/v1/conversations", detail: { tags: ["chat"] } })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get(
      "/:id/bans",
      ({ params, query, session }) =>
        listBans(platform, {
          ...query,
          ...place(params, session),
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        params: ConversationParams,
        query: PageQuery,
        response: { 200: BanPage, ...problems(...refused, InvalidCursor) },
        detail: banOperations.listBans,
      },
    )
    .put(
      "/:id/bans/:userId",
      async ({ params, session, set }) => {
        const otherId = params.userId.toLowerCase();
        await barUser(platform, { ...place(params, session), otherId });
        set.status = 204;
      },
      {
        params: MemberParams,
        response: problems(...refused, StillMember, TooManyBans),
        detail: banOperations.bar,
      },
    )
    .delete(
      "/:id/bans/:userId",
      async ({ params, session, set }) => {
        const otherId = params.userId.toLowerCase();
        await unbarUser(platform, { ...place(params, session), otherId });
        set.status = 204;
      },
      { params: MemberParams, response: problems(...refused), detail: banOperations.unbar },
    );
}
