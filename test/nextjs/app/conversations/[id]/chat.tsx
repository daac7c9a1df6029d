"use client";

import type { ClientErrorCode, SocketState } from "@frm-ai/client";
import { type FormEvent, useRef, useState } from "react";

import { codeOf } from "../../../browser/api.ts";
import type { Me, MessagePage } from "../../answers.ts";
import { fieldOf } from "../../field.ts";
import { ProblemNote } from "../../problem.tsx";
import { Time } from "../../time.tsx";
import { useConversation } from "./live.ts";

interface Props {
  conversationId: string;
  me: Me;
  first: MessagePage;
  socketUrl: string;
}

/** Says what a state of the connection means to a person. */
const STATES: Record<SocketState, string> = {
  connecting: "Connecting …",
  open: "Connected",
  waiting: "Connection lost, trying again …",
  closed: "Disconnected",
};

export function Chat({ conversationId, me, first, socketUrl }: Props) {
  const { messages, state, older, send } = useConversation(conversationId, { first, socketUrl });
  const [refused, setRefused] = useState<ClientErrorCode>();
  const form = useRef<HTMLFormElement>(null);

  async function attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      setRefused(undefined);
    } catch (thrown) {
      setRefused(codeOf(thrown));
    }
  }

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const body = fieldOf(new FormData(event.currentTarget), "body");
    if (body.trim() === "") return;
    form.current?.reset();
    // The message shows when its event comes back, so everybody sees the same order.
    void attempt(() => send(body));
  }

  return (
    <>
      <p role="status" data-state={state}>
        {STATES[state]}
      </p>
      {older && (
        <button type="button" onClick={() => void attempt(older)}>
          Older messages
        </button>
      )}
      <section role="log" aria-label="Messages">
        <ol>
          {messages.map((message) => (
            <li key={message.id} data-seq={message.seq}>
              <strong>{message.senderId === me.id ? "You" : "They"}</strong>{" "}
              <span className="body">{message.body}</span> <Time at={message.createdAt} />
            </li>
          ))}
        </ol>
      </section>
      <form ref={form} className="send" onSubmit={submit}>
        <label>
          Message
          <input name="body" autoComplete="off" required maxLength={4000} />
        </label>
        <button type="submit">Send</button>
      </form>
      {refused && <ProblemNote code={refused} />}
    </>
  );
}
