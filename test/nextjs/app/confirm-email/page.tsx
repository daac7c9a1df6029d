import type { Metadata } from "next";
import { connection } from "next/server";

import { ConfirmForm } from "./form.tsx";

export const metadata: Metadata = { title: "Another address" };

export default async function ConfirmEmailPage() {
  // Made for each visitor, because the nonce of the content policy must not be used twice.
  await connection();
  return (
    <main>
      <h1>Another address for your account</h1>
      <ConfirmForm />
    </main>
  );
}
