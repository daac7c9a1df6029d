import type { Metadata } from "next";
import { connection } from "next/server";

import { VerifyForm } from "./form.tsx";

export const metadata: Metadata = { title: "Confirm your address" };

export default async function VerifyEmailPage() {
  // Made for each visitor, because the nonce of the content policy must not be used twice.
  await connection();
  return (
    <main>
      <h1>Confirm your address</h1>
      <VerifyForm />
    </main>
  );
}
