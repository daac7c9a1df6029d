"use client";

import { useActionState, useEffect } from "react";

import { forgetToken } from "../../browser/api.ts";
import { ProblemNote } from "../problem.tsx";
import { signIn } from "./actions.ts";

/** A form with a server action: it works before any script has come, and without one. */
export function SignInForm() {
  const [refused, action, pending] = useActionState(signIn, undefined);
  useEffect(forgetToken, []);
  return (
    <form action={action}>
      <label>
        E-mail
        <input
          name="email"
          type="email"
          autoComplete="username"
          defaultValue={refused?.email}
          required
          maxLength={254}
        />
      </label>
      <label>
        Password
        <input
          name="password"
          type="password"
          autoComplete="current-password"
          required
          maxLength={128}
        />
      </label>
      <button type="submit" disabled={pending}>
        Sign in
      </button>
      {refused && <ProblemNote code={refused.code} />}
    </form>
  );
}
