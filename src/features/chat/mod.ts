export { ChatReplies } from "./schema/frames.ts";
export { createConversation } from "./service/conversations.ts";
export { createChatSource } from "./service/events.ts";
export { dropAbandoned, leaveConversations } from "./service/leaving.ts";
export { CHAT_DATA } from "./service/personal_data.ts";
export { sendMessage } from "./service/send.ts";
export { takeOutMessage } from "./service/take_out.ts";
