/** The group of the one who tries, for the operations that are about a conversation. */
function inGroup(operationIds: string): Record<string, string[]> {
  const ids = ["{{group.id}}", "{{group.id}}", "{{theirs.id}}"];
  return Object.fromEntries(operationIds.split(" ").map((id) => [`${id}.id`, ids]));
}

/** Ids that a request may carry. */
export const IDS = [
  "me.id",
  "other.id",
  "friend.id",
  "group.id",
  "direct.id",
  "theirs.id",
  "fresh.id",
].map((name) => `{{${name}}}`);
/** By the name of a field, or that of an operation and a field. What comes twice is likelier. */
export const WORDS = {
  email: ["{{me.email}}", "{{other.email}}", "{{fresh.email}}"],
  "register.email": ["{{fresh.email}}", "{{fresh.email}}", "{{other.email}}"],
  "login.email": ["{{me.email}}", "{{me.email}}", "{{other.email}}"],
  password: ["{{me.password}}"],
  // Each is also shown where a link of another purpose is wanted.
  "confirmEmail.token": ["{{link.verify}}", "{{link.verify}}", "{{link.reset}}", "{{link.spent}}"],
  "resetPassword.token": ["{{link.reset}}", "{{link.reset}}", "{{link.change}}", "{{link.spent}}"],
  "confirmEmailChange.token": [
    "{{link.change}}",
    "{{link.change}}",
    "{{link.verify}}",
    "{{link.spent}}",
  ],
  currentPassword: ["{{me.password}}"],
  newPassword: ["{{fresh.password}}"],
  refreshToken: ["{{me.refresh}}", "{{first.refresh}}", "{{flip.refresh}}", "{{gone.refresh}}"],
  cursor: ["{{me.cursor}}", "{{me.messages}}", "{{other.cursor}}", "{{flip.cursor}}"],
  "listConversations.cursor": ["{{me.cursor}}"],
  "listMessages.cursor": ["{{me.messages}}"],
  ...inGroup(
    "getConversation changeConversation changeOwnConversationSettings markRead markUnread listReads",
  ),
  ...inGroup("listReaders listMembers addMember removeMember changeRole searchConversation"),
  ...inGroup("editMessage deleteMessage listEdits listReactions addReaction removeReaction"),
  ...inGroup(
    "listPins pinMessage unpinMessage listThreads listThreadMessages changeThread listBans",
  ),
  "listMessages.id": ["{{group.id}}", "{{group.id}}", "{{theirs.id}}"],
  "sendMessage.id": ["{{group.id}}", "{{direct.id}}", "{{theirs.id}}"],
  // What has been said in the group stands behind its opening.
  seq: ["2", "3"],
  emoji: ["👍"],
  e: ["👍"],
  q: ["good", "morning"],
  conversationId: ["{{group.id}}", "{{direct.id}}"],
  userIds: ["{{friend.id}}"],
  "endSession.id": ["{{me.session}}"],
  "getExport.id": ["{{me.export}}"],
  "fetchExport.id": ["{{me.export}}"],
  userId: ["{{friend.id}}", "{{me.id}}"],
  "changeUser.id": ["{{me.id}}", "{{friend.id}}"],
  "listUserAudit.id": ["{{me.id}}"],
};
