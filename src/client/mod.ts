export { type Api, type ApiOptions, createApi, createTicketSource } from "./api.ts";
export type { Message, ProblemCode, Routes } from "./contract.ts";
export type { ChatEvent } from "./frames.ts";
export type { NewChatMessage, SentMessage } from "./outbox.ts";
export { ClientError, type ClientErrorCode, type Problem } from "./problem.ts";
export {
  type ChatSocket,
  createSocket,
  type Reset,
  type SocketEvents,
  type SocketOptions,
  type SocketState,
} from "./socket.ts";
export type { Ended } from "./verdict.ts";
