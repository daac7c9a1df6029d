import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";

import { serverApi } from "../../server/api.ts";
import { ProblemNote } from "../problem.tsx";
import { MoveForm } from "./form.tsx";

export const metadata: Metadata = { title: "Account" };

export default async function AccountPage() {
  const api = await serverApi();
  const { data: me, error } = await api.v1.me.get();
  if (error?.status === 401) redirect("/sign-in");
  return (
    <main>
      <p>
        <Link href="/conversations">All conversations</Link>
      </p>
      <h1>Account</h1>
      {error && <ProblemNote code={error.value.code} />}
      {me && (
        <p data-verified={me.emailVerified}>
          <span className="email">{me.email}</span>,{" "}
          {me.emailVerified ? "confirmed" : "not confirmed: open the link in the mail"}
        </p>
      )}
      <MoveForm />
    </main>
  );
}
