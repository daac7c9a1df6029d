import type { Metadata } from "next";
import Link from "next/link";
import { connection } from "next/server";

import { SignInForm } from "./form.tsx";

export const metadata: Metadata = { title: "Sign in" };

export default async function SignInPage() {
  // Made for each visitor, because the nonce of the content policy must not be used twice.
  await connection();
  return (
    <main>
      <h1>Sign in</h1>
      <SignInForm />
      <p>
        <Link href="/forgotten-password">I have forgotten my password</Link>
      </p>
    </main>
  );
}
