import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";

import { serverApi } from "../../server/api.ts";
import { ProblemNote } from "../problem.tsx";
import { signOut } from "../sign-in/actions.ts";
import { ConversationList } from "./list.tsx";

export const metadata: Metadata = { title: "Conversations" };

/** Made on the server: the first page of the list is in the HTML, whoever reads it. */
export default async function ConversationsPage() {
  const api = await serverApi();
  const [me, conversations] = await Promise.all([
    api.v1.me.get(),
    api.v1.conversations.get({ query: { limit: 20 } }),
  ]);
  const error = me.error ?? conversations.error;
  if (error?.status === 401) redirect("/sign-in");
  return (
    <main>
      <header>
        <h1>Conversations</h1>
        <form action={signOut}>
          {me.data && <Link href="/account">{me.data.displayName}</Link>}{" "}
          <button type="submit">Sign out</button>
        </form>
      </header>
      {error && <ProblemNote code={error.value.code} />}
      {conversations.data && <ConversationList first={conversations.data} />}
    </main>
  );
}
