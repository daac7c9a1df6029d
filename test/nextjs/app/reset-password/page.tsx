import type { Metadata } from "next";
import { connection } from "next/server";

import { ResetForm } from "./form.tsx";

export const metadata: Metadata = { title: "New password" };

export default async function ResetPasswordPage() {
  // Made for each visitor, because the nonce of the content policy must not be used twice.
  await connection();
  return (
    <main>
      <h1>Set a new password</h1>
      <ResetForm />
    </main>
  );
}
