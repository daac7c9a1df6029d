import { t } from "elysia";

import { count, Id, object, page, PageQuery } from "../../../platform/schema.ts";
import { ConversationId } from "./conversations.ts";
import { Role } from "./permissions.ts";

export const MemberParams = object({
  id: ConversationId,
  userId: { ...Id, description: "The user who comes or goes, or gets another role." },
});

const Member = object(
  {
    userId: Id,
    displayName: t.String({ examples: ["Lan"] }),
    role: Role,
    joinedSeq: count("Position of the event with which they came in.", 1),
  },
  { title: "Member" },
);
export type Member = typeof Member.static;
export const MemberPage = page(Member, { title: "MemberPage" });

export const MembersQuery = object({
  ...PageQuery.properties,
  role: t.Optional({ ...Role, description: "Those alone who are this." }),
});

export const NewRole = object(
  {
    role: t.Union(
      [t.Literal("admin"), t.Literal("moderator"), t.Literal("member"), t.Literal("reader")],
      { description: "What they are from now on; a reader may only read." },
    ),
  },
  { title: "NewRole" },
);
export const NewOwner = object({ userId: Id }, { title: "NewOwner" });

/** What the API's document says about each operation. */
export const memberOperations = {
  listMembers: {
    operationId: "listMembers",
    summary: "List members",
    description: "Who is in a conversation, for those who are in it themselves.",
  },
  addMember: {
    operationId: "addMember",
    summary: "Bring a user into a group or a channel",
    description:
      "For those who may invite. Who is in it already stays in it, and who was made a reader comes back as one.",
    responses: { 204: { description: "The user is a member." } },
  },
  removeMember: {
    operationId: "removeMember",
    summary: "Take a user out of a group or a channel",
    description:
      "Those who may remove members take out whoever is below them, and everybody may take themselves out.",
    responses: { 204: { description: "The user is no member." } },
  },
  changeRole: {
    operationId: "changeRole",
    summary: "Give a member another role",
    description:
      "For those who may change roles: of members below them, and to roles below their own. So an owner makes admins, admins make moderators, and moderators silence members by making them readers. It holds for the next thing that the member does.",
    responses: { 204: { description: "The member has the role." } },
  },
  handOver: {
    operationId: "handOverConversation",
    summary: "Make another member the owner",
    description: "For the owner, who becomes an admin.",
    responses: { 204: { description: "The member is the owner." } },
  },
};
