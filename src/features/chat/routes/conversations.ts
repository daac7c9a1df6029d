import { Elysia } from "elysia";

import { Forbidden, InvalidCursor, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { PAGE_LIMIT, PageQuery } from "../../../platform/schema.ts";
import { auth } from "../../auth/mod.ts";
import { NotReachable } from "../../blocks/mod.ts";
import {
  Conversation,
  ConversationPage,
  GroupFull,
  LastOwner,
  MemberParams,
  NewConversation,
  NotAGroup,
  operations,
} from "../schema/conversations.ts";
import { createConversation, listConversations } from "../service/conversations.ts";
import { addMember, removeMember } from "../service/members.ts";
import { REFUSALS } from "./refusals.ts";

const member = [...REFUSALS, Forbidden, NotFound, NotAGroup] as const;

/** GET, POST /v1/conversations · PUT, DELETE …/{id}/members/{userId} */
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
      ({ query, session }) =>
        listConversations(platform, {
          ...query,
          userId: session.userId,
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        query: PageQuery,
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
          200: Conversation,
          201: Conversation,
          ...problems(...REFUSALS, NotFound, NotReachable),
        },
        detail: operations.openConversation,
      },
    )
    .put(
      "/:id/members/:userId",
      async ({ params, session, set }) => {
        await addMember(platform, target(params, session));
        set.status = 204;
      },
      {
        params: MemberParams,
        response: problems(...member, GroupFull, NotReachable),
        detail: operations.addMember,
      },
    )
    .delete(
      "/:id/members/:userId",
      async ({ params, session, set }) => {
        await removeMember(platform, target(params, session));
        set.status = 204;
      },
      {
        params: MemberParams,
        response: problems(...member, LastOwner),
        detail: operations.removeMember,
      },
    );
}

function target(params: typeof MemberParams.static, session: { userId: string }) {
  return {
    userId: session.userId,
    conversationId: params.id.toLowerCase(),
    memberId: params.userId.toLowerCase(),
  };
}
