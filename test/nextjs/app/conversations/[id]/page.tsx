import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";

import { serverApi, socketUrl } from "../../../server/api.ts";
import { ProblemNote } from "../../problem.tsx";
import { Chat } from "./chat.tsx";

export const metadata: Metadata = { title: "Conversation" };

interface Props {
  params: Promise<{ id: string }>;
}

/** The newest messages come with the page; the browser takes over from there. */
export default async function ConversationPage({ params }: Props) {
  const { id } = await params;
  const api = await serverApi();
  const one = api.v1.conversations({ id });
  const [me, conversation] = await Promise.all([api.v1.me.get(), one.get()]);
  // Behind the conversation, so that what was read is at least as new as the position in it.
  const messages = await one.messages.get({ query: { limit: 20 } });
  const error = me.error ?? conversation.error ?? messages.error;
  if (error?.status === 401) redirect("/sign-in");
  return (
    <main>
      <p>
        <Link href="/conversations">All conversations</Link>
      </p>
      <h1>Conversation</h1>
      {error && <ProblemNote code={error.value.code} />}
      {me.data && conversation.data && messages.data && (
        <Chat
          me={me.data}
          first={{ conversation: conversation.data, messages: messages.data }}
          url={socketUrl()}
        />
      )}
    </main>
  );
}
