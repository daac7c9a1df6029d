"use client";

import type { ClientErrorCode } from "@frm-ai/client";
import Link from "next/link";
import { useState } from "react";

import { browserApi, codeOf } from "../../browser/api.ts";
import type { Conversation, ConversationPage } from "../answers.ts";
import { ProblemNote } from "../problem.tsx";
import { Time } from "../time.tsx";

/** The list that came with the page; from here on the browser asks by itself. */
export function ConversationList({ first }: { first: ConversationPage }) {
  const [{ items, page }, setList] = useState(first);
  const [refused, setRefused] = useState<ClientErrorCode>();

  async function load(cursor: string | null): Promise<void> {
    const query = cursor === null ? {} : { cursor };
    try {
      const { data, error } = await browserApi().v1.conversations.get({ query });
      setRefused(error?.value.code);
      if (data) setList({ ...data, items: [...(cursor === null ? [] : items), ...data.items] });
    } catch (thrown) {
      setRefused(codeOf(thrown));
    }
  }

  return (
    <>
      <ul aria-label="Conversations">
        {items.map((conversation) => (
          <li key={conversation.id}>
            <Link href={`/conversations/${conversation.id}`}>{nameOf(conversation)}</Link>{" "}
            <Time at={conversation.lastEventAt} />
          </li>
        ))}
      </ul>
      {items.length === 0 && <p>There are none yet.</p>}
      <button type="button" onClick={() => void load(null)}>
        Refresh
      </button>
      {page.nextCursor !== null && (
        <button type="button" onClick={() => void load(page.nextCursor)}>
          More
        </button>
      )}
      {refused && <ProblemNote code={refused} />}
    </>
  );
}

function nameOf({ kind, name }: Conversation): string {
  return name ?? (kind === "direct" ? "Direct conversation" : "Group");
}
