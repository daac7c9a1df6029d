import {
  type Chat,
  type ChatSocket,
  type ChatState,
  createBrowserOutbox,
  createSocket,
  createTicketSource,
  emptyChat,
  openChat,
  openWindow,
  pageOf,
  type SocketState,
  withConversations,
} from "@frm-ai/client";
import { useEffect, useRef, useState } from "react";

import { browserApi, leave } from "../../../browser/api.ts";
import type { ConversationDetails, MessagePage } from "../../answers.ts";

/** What the server has read for the first sight of the page: the conversation, and then its newest messages. */
export interface First {
  conversation: ConversationDetails;
  messages: MessagePage;
}

interface Options {
  userId: string;
  first: First;
  url: string;
}

/** What a page does with its conversation. */
export interface Actions {
  send: (body: string) => Promise<void>;
  react: (seq: number, on: boolean) => Promise<void>;
  remove: (seq: number) => Promise<void>;
  older: () => Promise<void>;
  read: (seq: number) => void;
  type: (on: boolean) => void;
}

export const THUMB = "👍";

/** A conversation as it is and as it goes on: history over HTTP, everything new over the socket. */
export function useConversation({ userId, first, url }: Options) {
  const { id: conversationId } = first.conversation;
  const [chat, setChat] = useState<ChatState>(() => toState(userId, first));
  const [connection, setConnection] = useState<SocketState>("connecting");
  const live = useRef<{ chat: Chat; socket: ChatSocket }>(undefined);
  const known = useRef(chat);

  useEffect(() => {
    const socket = createSocket({
      url,
      ticket: createTicketSource(browserApi()),
      // What is written while there is no connection outlives a reload.
      outbox: createBrowserOutbox({ userId }),
    });
    const opened = openChat({ api: browserApi(), socket, userId, first: known.current });
    live.current = { chat: opened, socket };
    socket.focus([conversationId]);
    // Who has read how far; the page works without it.
    opened.people(conversationId).catch(() => undefined);
    opened.subscribe(() => {
      known.current = opened.state;
      setChat(opened.state);
    });
    socket.on("state", setConnection);
    socket.on("ended", ({ verdict }) => {
      if (verdict === "signed_out") leave();
    });
    return () => {
      opened.close();
      socket.close();
    };
  }, [conversationId, userId, url]);

  const [actions] = useState<Actions>(() => ({
    send: async (body) => void (await live.current?.socket.send({ conversationId, body })),
    react: async (seq, on) =>
      await live.current?.socket.react({ conversationId, seq, emoji: THUMB, on }),
    remove: async (seq) => await live.current?.socket.delete({ conversationId, seq }),
    older: async () => await live.current?.chat.older(conversationId),
    read: (seq) => live.current?.socket.read({ conversationId, seq }),
    type: (on) => live.current?.socket.type(conversationId, on),
  }));
  return { chat, connection, actions };
}

function toState(userId: string, { conversation, messages }: First): ChatState {
  const listed = withConversations(emptyChat(userId), [conversation]);
  return openWindow(listed, conversation.id, pageOf(messages, conversation.lastSeq));
}
