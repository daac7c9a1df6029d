import type * as server from "../app.ts";
import type { BlockChanged } from "../features/blocks/schema.ts";
import type {
  Conversation as ServerConversation,
  ConversationDetails as ServerConversationDetails,
  ConversationPage as ServerConversationPage,
} from "../features/chat/schema/conversations.ts";
import type { ChatEvents } from "../features/chat/schema/events.ts";
import type { ChatFrames, ChatReplies } from "../features/chat/schema/frames.ts";
import type { Member as ServerMember } from "../features/chat/schema/members.ts";
import type {
  Message as ServerMessage,
  MessagePage as ServerMessagePage,
} from "../features/chat/schema/messages.ts";
import type {
  ConversationAdded,
  ConversationRemoved,
  OwnRead,
  OwnSettings,
} from "../features/chat/schema/user_events.ts";
import type { ReportClosed, Warned } from "../features/moderation/schema.ts";
import type { PresenceFrames, PresenceSet } from "../features/presence/schema.ts";

/*
 * Everything that the client knows about the server, as types only. The package replaces this file by the same types
 * written out in full, so nothing else in this folder may import from the server.
 */

/** The answer that Elysia would give by itself; the product never does, it answers a problem. */
interface DefaultRefusal {
  type: "validation";
  on: string;
}

type ServerRoutes = server.App["~Routes"];
type ServerProblem = ServerRoutes["v1"]["me"]["get"]["response"][401];
type Refused<Code extends string> = {
  [Field in keyof ServerProblem]: Field extends "code" ? Code : ServerProblem[Field];
};

/** A call that never got an answer of ours comes back as a problem too; this code is the client's own. */
type Unreachable = Refused<"unreachable">;

type Answer<R> = R extends DefaultRefusal ? Refused<"validation_failed"> : R;
type Answers<R> = {
  [Status in keyof R | 503]:
    | (Status extends keyof R ? Answer<R[Status]> : never)
    | (Status extends 503 ? Unreachable : never);
};

type Repaired<R> = {
  [Key in keyof R]: R[Key] extends { body: unknown; response: infer Response }
    ? Omit<R[Key], "response"> & { response: Answers<Response> }
    : Repaired<R[Key]>;
};

type CodesIn<R> = R extends { response: infer Response }
  ? Extract<Response[keyof Response], { code: string }>["code"]
  : { [Key in keyof R]: CodesIn<R[Key]> }[keyof R];

/** Paths, methods, bodies and answers of the HTTP API, in the form that Eden reads. */
export type Routes = Repaired<ServerRoutes>;

/** Every code that a documented answer may carry. */
export type ProblemCode = CodesIn<Routes>;

/** The fields of a problem beside its code. */
export type ProblemFields = Omit<Unreachable, "code">;

/** A message, the same over HTTP and over the socket. */
export type Message = ServerMessage;
export type MessagePage = (typeof ServerMessagePage)["static"];

/** A conversation, as its members list it. */
export type Conversation = ServerConversation;
export type ConversationDetails = ServerConversationDetails;
export type ConversationPage = (typeof ServerConversationPage)["static"];

/** What each kind of event in a conversation tells: always what is now, so that telling it twice does no harm. */
export type ChatEventData = {
  [Kind in keyof typeof ChatEvents]: (typeof ChatEvents)[Kind]["data"]["static"];
};

/** Somebody who is in a conversation. */
export type Member = ServerMember;

/** What each kind of event in a user's own stream tells, on all of their devices. */
export interface UserEventData {
  "conv.add": (typeof ConversationAdded)["data"]["static"];
  "conv.rm": (typeof ConversationRemoved)["data"]["static"];
  "read.self": (typeof OwnRead)["data"]["static"];
  setting: (typeof OwnSettings)["data"]["static"];
  block: (typeof BlockChanged)["data"]["static"];
  presence: (typeof PresenceSet)["data"]["static"];
  "report.resolved": (typeof ReportClosed)["data"]["static"];
  "moderation.warning": (typeof Warned)["data"]["static"];
}

/** Frames that this client sends, as the server checks them. */
export type EditFrame = (typeof ChatFrames)["edit"]["static"];
export type DeleteFrame = (typeof ChatFrames)["del"]["static"];
export type ReactFrame = (typeof ChatFrames)["react"]["static"];
export type PinFrame = (typeof ChatFrames)["pin"]["static"];
export type ReadFrame = (typeof ChatFrames)["read"]["static"];
export type TypingFrame = (typeof PresenceFrames)["typ"]["static"];
export type AttentionFrame = (typeof PresenceFrames)["pres"]["static"];
export type SyncFrame = server.Sync;
export type HelloFrame = server.Hello;
export type HeartbeatFrame = server.Heartbeat;
export type RenewalFrame = server.Renewal;

/** Frames that the server sends, by itself or as an answer. */
export type Ack = (typeof ChatReplies)["ack"]["static"];
export type HelloOk = server.HelloOk;
export type HeartbeatOk = server.HeartbeatOk;
export type RenewalOk = server.RenewalOk;
export type ExpiringFrame = server.Expiring;
export type RefusalFrame = server.ErrorFrame;
export type AwayFrame = server.Away;
export type TopicsFollowed = server.TopicsFollowed;
export type TopicsEnded = server.TopicsEnded;

/** The close codes of the server. */
export type CloseCodes = typeof server.CloseCode;
