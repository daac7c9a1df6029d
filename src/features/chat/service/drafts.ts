/** A message as its sender gives it. */
export interface Draft {
  clientId: string;
  body: string;
  /** Position of the message that it answers. */
  replySeq?: number;
  /** Position of the message whose thread it stands in. */
  threadSeq?: number;
  /** Ids of uploaded files. */
  attachments?: string[];
}

export interface SendInput {
  userId: string;
  conversationId: string;
  /** In the order in which they were sent. */
  messages: Draft[];
}
