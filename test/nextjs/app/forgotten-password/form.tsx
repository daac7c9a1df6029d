"use client";

import { useActionState } from "react";

import { ProblemNote } from "../problem.tsx";
import { askForReset } from "./actions.ts";

export function ForgottenForm() {
  const [asked, action, pending] = useActionState(askForReset, undefined);
  return (
    <form action={action}>
      <label>
        E-mail
        <input
          name="email"
          type="email"
          autoComplete="username"
          defaultValue={asked?.email}
          required
          maxLength={254}
        />
      </label>
      <button type="submit" disabled={pending}>
        Mail me a link
      </button>
      {asked?.code && <ProblemNote code={asked.code} />}
      {asked && !asked.code && (
        <p role="status" data-done="asked">
          If there is such an account, the mail is on its way.
        </p>
      )}
    </form>
  );
}
