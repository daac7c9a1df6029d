export { type Api, type ApiOptions, createApi, createTicketSource } from "./api.ts";
export { type BrowserOutboxOptions, createBrowserOutbox } from "./browser_outbox.ts";
export type { ChatSocket, Reset, SocketEvents, SocketOptions, SocketState } from "./chat_socket.ts";
export type { Command, MessageAt, NewChatMessage, Patience } from "./commands.ts";
export type { ChatEventData, Message, ProblemCode, Routes } from "./contract.ts";
export type { ChatEvent, Ephemeral, UserEvent, UserEventData } from "./events.ts";
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
export type { TopicListener, TopicValue } from "./topics.ts";
export type { Ended } from "./verdict.ts";
