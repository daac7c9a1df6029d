import type { Metadata } from "next";
import { connection } from "next/server";

import { ProblemNote } from "../problem.tsx";

export const metadata: Metadata = { title: "Unavailable" };

/** What `proxy.ts` shows in the place of a page while the API is away; the address stays, so reloading helps. */
export default async function UnavailablePage() {
  await connection();
  return (
    <main>
      <h1>Back soon</h1>
      <ProblemNote code="unreachable" />
    </main>
  );
}
