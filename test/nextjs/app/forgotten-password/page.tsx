import type { Metadata } from "next";
import { connection } from "next/server";

import { ForgottenForm } from "./form.tsx";

export const metadata: Metadata = { title: "Forgotten password" };

export default async function ForgottenPasswordPage() {
  // Made for each visitor, because the nonce of the content policy must not be used twice.
  await connection();
  return (
    <main>
      <h1>Forgotten your password?</h1>
      <ForgottenForm />
    </main>
  );
}
