import {
  type ChatSocket,
  ClientError,
  createSocket,
  createTicketSource,
  type SocketState,
} from "@frm-ai/client";
import { useEffect, useRef, useState } from "react";

import { browserApi, leave } from "../../../browser/api.ts";
import type { Message, MessagePage } from "../../answers.ts";

interface Options {
  first: MessagePage;
  socketUrl: string;
}

/** A conversation as it is and as it goes on: history over HTTP, everything new over the socket. */
export function useConversation(conversationId: string, { first, socketUrl }: Options) {
  const [messages, setMessages] = useState(() => merge([], first.items));
  const [cursor, setCursor] = useState(first.page.nextCursor);
  const [state, setState] = useState<SocketState>("connecting");
  const socket = useRef<ChatSocket>(undefined);
  const known = first.items[0]?.seq ?? 0;

  useEffect(() => {
    const opened = createSocket({ url: socketUrl, ticket: createTicketSource(browserApi()) });
    socket.current = opened;
    // What was sent between the making of the page and the opening of the socket comes too.
    opened.follow(conversationId, known);
    opened.on("state", setState);
    opened.on("event", (event) => {
      if (event.conversationId !== conversationId || event.kind !== "msg.new") return;
      setMessages((before) => merge(before, [event.data]));
    });
    opened.on("reset", (gap) => {
      if (gap.conversationId === conversationId) void reload();
    });
    opened.on("ended", ({ verdict }) => {
      if (verdict === "signed_out") leave();
    });
    return () => opened.close();

    async function reload(): Promise<void> {
      const { items, page } = await load(conversationId, null);
      setMessages(merge([], items));
      setCursor(page.nextCursor);
    }
  }, [conversationId, known, socketUrl]);

  async function send(body: string): Promise<void> {
    await socket.current?.send({ conversationId, body });
  }

  async function older(): Promise<void> {
    const { items, page } = await load(conversationId, cursor);
    setMessages((before) => merge(before, items));
    setCursor(page.nextCursor);
  }

  return { messages, state, send, older: cursor === null ? undefined : older };
}

/** One page of the history, newest first. @throws ClientError */
async function load(id: string, cursor: string | null): Promise<MessagePage> {
  const query = cursor === null ? {} : { cursor };
  const { data, error } = await browserApi().v1.conversations({ id }).messages.get({ query });
  if (data) return data;
  throw new ClientError(error.value.code, "Cannot load the messages", error.status);
}

/** Each message once, in the order of its position, however often and from wherever it came. */
function merge(before: Message[], more: Message[]): Message[] {
  const bySeq = new Map([...before, ...more].map((message) => [message.seq, message]));
  return [...bySeq.values()].sort((one, other) => one.seq - other.seq);
}
