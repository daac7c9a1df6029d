"use client";

import { useActionState } from "react";

import { ProblemNote } from "../problem.tsx";
import { askForMove } from "./actions.ts";

export function MoveForm() {
  const [asked, action, pending] = useActionState(askForMove, undefined);
  return (
    <form action={action}>
      <label>
        New e-mail address
        <input
          name="email"
          type="email"
          autoComplete="email"
          defaultValue={asked?.email}
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
        Change the address
      </button>
      {asked?.code && <ProblemNote code={asked.code} />}
      {asked && !asked.code && (
        <p role="status" data-done="asked">
          Both addresses get a mail. The account moves when both have agreed.
        </p>
      )}
    </form>
  );
}
