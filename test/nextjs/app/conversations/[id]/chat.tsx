"use client";

import {
  ClientError,
  type ClientErrorCode,
  messagesOf,
  readersOf,
  type SocketState,
  typingIn,
} from "@frm-ai/client";
import { type FormEvent, useEffect, useRef, useState } from "react";

import { codeOf } from "../../../browser/api.ts";
import type { Me } from "../../answers.ts";
import { fieldOf } from "../../field.ts";
import { ProblemNote } from "../../problem.tsx";
import { type First, useConversation } from "./live.ts";
import { MessageItem } from "./message.tsx";

interface Props {
  me: Me;
  first: First;
  url: string;
}

/** Says what a state of the connection means to a person. */
const STATES: Record<SocketState, string> = {
  connecting: "Connecting …",
  open: "Connected",
  waiting: "Connection lost, trying again …",
  closed: "Disconnected",
};

export function Chat({ me, first, url }: Props) {
  const { chat, connection, actions } = useConversation({ userId: me.id, first, url });
  const { id } = first.conversation;
  const [refused, setRefused] = useState<ClientErrorCode>();
  const form = useRef<HTMLFormElement>(null);
  const messages = messagesOf(chat, id);
  const newest = messages.findLast(({ seq }) => seq !== undefined)?.seq ?? 0;
  const isTyping = typingIn(chat, id, Date.now()).length > 0;

  useEffect(() => {
    function see(): void {
      if (newest > 0 && document.visibilityState === "visible") actions.read(newest);
    }
    see();
    document.addEventListener("visibilitychange", see);
    return () => document.removeEventListener("visibilitychange", see);
  }, [actions, newest]);

  async function attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      setRefused(undefined);
    } catch (thrown) {
      // A page that is left closes its socket; what it had to send waits for the next one.
      if (!(thrown instanceof ClientError && thrown.code === "closed")) setRefused(codeOf(thrown));
    }
  }

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const body = fieldOf(new FormData(event.currentTarget), "body");
    if (body.trim() === "") return;
    form.current?.reset();
    actions.type(false);
    void attempt(() => actions.send(body));
  }

  return (
    <>
      <p role="status" data-state={connection}>
        {STATES[connection]}
      </p>
      {chat.conversations[id]?.window?.cursor && (
        <button type="button" onClick={() => void attempt(actions.older)}>
          Older messages
        </button>
      )}
      <section role="log" aria-label="Messages">
        <ol>
          {messages.map((message) => (
            <MessageItem
              key={message.clientId + message.senderId}
              message={message}
              isMine={message.senderId === me.id}
              isRead={readersOf(chat, id, message.seq ?? Infinity).length > 0}
              onReact={(seq, on) => void attempt(() => actions.react(seq, on))}
              onDelete={(seq) => void attempt(() => actions.remove(seq))}
            />
          ))}
        </ol>
      </section>
      <p className="typing" aria-live="polite">
        {isTyping ? "They are typing …" : ""}
      </p>
      <form ref={form} className="send" onSubmit={submit}>
        <label>
          Message
          <input
            name="body"
            autoComplete="off"
            required
            maxLength={4000}
            onChange={(event) => actions.type(event.currentTarget.value !== "")}
          />
        </label>
        <button type="submit">Send</button>
      </form>
      {refused && <ProblemNote code={refused} />}
    </>
  );
}
