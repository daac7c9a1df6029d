import { Elysia } from "elysia";

import { Forbidden, InvalidCursor, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { PAGE_LIMIT } from "../../../platform/schema.ts";
import { auth } from "../../auth/mod.ts";
import { NotReachable } from "../../blocks/mod.ts";
import { Barred } from "../schema/bans.ts";
import { ConversationParams, GroupFull, LastOwner, NotAGroup } from "../schema/conversations.ts";
import {
  memberOperations,
  MemberPage,
  MemberParams,
  MembersQuery,
  NewOwner,
  NewRole,
} from "../schema/members.ts";
import { addMember, listMembers, removeMember } from "../service/members.ts";
import { changeRole, handOver } from "../service/roles.ts";
import { place } from "./place.ts";
import { REFUSALS } from "./refusals.ts";

const changing = [...REFUSALS, Forbidden, NotFound, NotAGroup] as const;

/** GET /v1/conversations/{id}/members · PUT, PATCH, DELETE …/{userId} · POST …/owner */
export function memberRoutes(platform: Platform) {
  return new Elysia({
    name: "chat.members",
    prefix: "/v1/conversations",
    detail: { tags: ["chat"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get(
      "/:id/members",
      ({ params, query, session }) =>
        listMembers(platform, {
          ...query,
          ...place(params, session),
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        params: ConversationParams,
        query: MembersQuery,
        response: { 200: MemberPage, ...problems(...REFUSALS, NotFound, InvalidCursor) },
        detail: memberOperations.listMembers,
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
        response: problems(...changing, Barred, GroupFull, NotReachable),
        detail: memberOperations.addMember,
      },
    )
    .patch(
      "/:id/members/:userId",
      async ({ body, params, session, set }) => {
        await changeRole(platform, { ...target(params, session), role: body.role });
        set.status = 204;
      },
      {
        params: MemberParams,
        body: NewRole,
        response: problems(...changing),
        detail: memberOperations.changeRole,
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
        response: problems(...changing, LastOwner),
        detail: memberOperations.removeMember,
      },
    )
    .post(
      "/:id/owner",
      async ({ body, params, session, set }) => {
        await handOver(platform, target({ ...params, userId: body.userId }, session));
        set.status = 204;
      },
      {
        params: ConversationParams,
        body: NewOwner,
        response: problems(...changing),
        detail: memberOperations.handOver,
      },
    );
}

function target(params: typeof MemberParams.static, session: { userId: string }) {
  return { ...place(params, session), memberId: params.userId.toLowerCase() };
}
