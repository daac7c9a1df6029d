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
  const [me, conversations] = await Promise.all([
    api.v1.me.get(),
    api.v1.conversations.get({ query: { limit: 100 } }),
  ]);
  // Behind the list, so that what was read is at least as new as the position in it.
  const messages = await api.v1.conversations({ id }).messages.get({ query: { limit: 20 } });
  const error = me.error ?? conversations.error ?? messages.error;
  if (error?.status === 401) redirect("/sign-in");
  const conversation = conversations.data?.items.find((one) => one.id === id);
  return (
    <main>
      <p>
        <Link href="/conversations">All conversations</Link>
      </p>
      <h1>Conversation</h1>
      {error && <ProblemNote code={error.value.code} />}
      {me.data && conversation && messages.data && (
        <Chat me={me.data} first={{ conversation, messages: messages.data }} url={socketUrl()} />
      )}
    </main>
  );
}
