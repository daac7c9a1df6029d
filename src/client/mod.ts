export { type Api, type ApiOptions, createApi, createTicketSource } from "./api.ts";
export type { ChatSocket, Reset, SocketEvents, SocketOptions, SocketState } from "./chat_socket.ts";
export type { Message, ProblemCode, Routes } from "./contract.ts";
export type { ChatEvent } from "./frames.ts";
export type { NewChatMessage, SentMessage } from "./outbox.ts";
export { ClientError, type ClientErrorCode, type Problem } from "./problem.ts";
export { createSocket } from "./socket.ts";
export type { Ended } from "./verdict.ts";
