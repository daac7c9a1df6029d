import { Elysia } from "elysia";

import { Forbidden, InvalidCursor, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { PAGE_LIMIT } from "../../../platform/schema.ts";
import { auth } from "../../auth/mod.ts";
import { NotReachable } from "../../blocks/mod.ts";
import {
  ConversationDetails,
  ConversationPage,
  ConversationParams,
  ConversationPatch,
  ConversationsQuery,
  NewConversation,
  NotAGroup,
  operations,
} from "../schema/conversations.ts";
import { createConversation, listConversations } from "../service/conversations.ts";
import { getConversation } from "../service/own_rows.ts";
import { changeSettings } from "../service/settings.ts";
import { place } from "./place.ts";
import { REFUSALS } from "./refusals.ts";

/** GET, POST /v1/conversations · GET, PATCH …/{id} */
export function conversationRoutes(platform: Platform) {
  return new Elysia({
    name: "chat.conversations",
    prefix: "/v1/conversations",
    detail: { tags: ["chat"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get(
      "",
      ({ query: { archived, ...query }, session }) =>
        listConversations(platform, {
          ...query,
          archived: archived === "true",
          userId: session.userId,
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        query: ConversationsQuery,
        response: { 200: ConversationPage, ...problems(...REFUSALS, InvalidCursor) },
        detail: operations.listConversations,
      },
    )
    .post(
      "",
      async ({ body, session, set }) => {
        const { conversation, created } = await createConversation(platform, session.userId, body);
        set.status = created ? 201 : 200;
        set.headers["location"] = `/v1/conversations/${conversation.id}`;
        return conversation;
      },
      {
        body: NewConversation,
        response: {
          200: ConversationDetails,
          201: ConversationDetails,
          ...problems(...REFUSALS, NotFound, NotReachable),
        },
        detail: operations.openConversation,
      },
    )
    .get("/:id", ({ params, session }) => getConversation(platform, place(params, session)), {
      params: ConversationParams,
      response: { 200: ConversationDetails, ...problems(...REFUSALS, NotFound) },
      detail: operations.getConversation,
    })
    .patch(
      "/:id",
      async ({ body, params, session }) => {
        await changeSettings(platform, { ...place(params, session), patch: body });
        return await getConversation(platform, place(params, session));
      },
      {
        params: ConversationParams,
        body: ConversationPatch,
        response: {
          200: ConversationDetails,
          ...problems(...REFUSALS, Forbidden, NotFound, NotAGroup),
        },
        detail: operations.changeConversation,
      },
    );
}
