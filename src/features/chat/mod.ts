export { createConversation } from "./service/conversations.ts";
export { createChatSource } from "./service/events.ts";
export { sendMessage } from "./service/send.ts";
