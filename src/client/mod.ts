export { type Api, type ApiOptions, createApi, createTicketSource } from "./api.ts";
export { type BrowserOutboxOptions, createBrowserOutbox } from "./browser_outbox.ts";
export { type Chat, type ChatOptions, openChat } from "./chat.ts";
export type { ChatSocket, Reset, SocketEvents, SocketOptions, SocketState } from "./chat_socket.ts";
export type { Command, MessageAt, NewChatMessage, Patience } from "./commands.ts";
export type {
  ChatEventData,
  Conversation,
  Member,
  Message,
  ProblemCode,
  Routes,
  UserEventData,
} from "./contract.ts";
export type { ChatEvent, Ephemeral, UserEvent } from "./events.ts";
export type { OutboxChange, SentMessage, Waiting } from "./outbox.ts";
export {
  createMemoryOutbox,
  type OutboxShare,
  type OutboxStore,
  type StoredCommand,
} from "./outbox_store.ts";
export { ClientError, type ClientErrorCode, type Problem } from "./problem.ts";
export type { ReadMark } from "./reads.ts";
export { createSocket } from "./socket.ts";
export { applyEvent, applyReset, applyUserEvent } from "./state/apply.ts";
export {
  type ChatState,
  type ConversationState,
  emptyChat,
  type MemberList,
  type MemberState,
  type MessageWindow,
  type OutboxItem,
  type PinList,
  type PresenceState,
} from "./state/chat_state.ts";
export { applyEphemeral, expireTyping } from "./state/moment.ts";
export { applyOutbox, dismiss } from "./state/own_outbox.ts";
export {
  addOlder,
  openWindow,
  type PageOf,
  pageOf,
  withBlocked,
  withConversations,
  withMembers,
  withPins,
  withReads,
} from "./state/snapshot.ts";
export { messagesOf, readersOf, type ShownMessage, typingIn } from "./state/view.ts";
export type { TopicListener, TopicValue } from "./topics.ts";
export type { Ended } from "./verdict.ts";
