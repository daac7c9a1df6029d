import { Elysia } from "elysia";

import { InvalidCursor, NotFound, ValidationFailed } from "../../platform/errors.ts";
import { SIGNED_IN_REFUSALS } from "../../platform/http/access.ts";
import type { Platform } from "../../platform/platform.ts";
import { problems } from "../../platform/problems.ts";
import { PAGE_LIMIT, PageQuery } from "../../platform/schema.ts";
import { auth } from "../auth/mod.ts";
import { BlockPage, BlockParams, operations, TooManyBlocks } from "./schema.ts";
import { blockUser, listBlocks, unblockUser } from "./service/blocks.ts";

const refused = [...SIGNED_IN_REFUSALS, ValidationFailed] as const;

/** GET /v1/me/blocks · PUT, DELETE …/{userId} */
export function blockRoutes(platform: Platform) {
  return new Elysia({
    name: "blocks.routes",
    prefix: "/v1/me/blocks",
    detail: { tags: ["blocks"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get(
      "",
      ({ query, session: { userId } }) =>
        listBlocks(platform, { ...query, userId, limit: query.limit ?? PAGE_LIMIT }),
      {
        query: PageQuery,
        response: { 200: BlockPage, ...problems(...refused, InvalidCursor) },
        detail: operations.listBlocks,
      },
    )
    .put(
      "/:userId",
      async ({ params, session: { userId }, set }) => {
        await blockUser(platform, { userId, otherId: params.userId.toLowerCase() });
        set.status = 204;
      },
      {
        params: BlockParams,
        response: problems(...refused, NotFound, TooManyBlocks),
        detail: operations.block,
      },
    )
    .delete(
      "/:userId",
      async ({ params, session: { userId }, set }) => {
        await unblockUser(platform, { userId, otherId: params.userId.toLowerCase() });
        set.status = 204;
      },
      { params: BlockParams, response: problems(...refused), detail: operations.unblock },
    );
}
