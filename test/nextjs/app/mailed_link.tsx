"use client";

import Link from "next/link";
import { Fragment, type ReactNode, useActionState } from "react";

import type { Outcome } from "../browser/account.ts";
import { useMailedToken } from "../browser/mailed_token.ts";
import { ProblemNote } from "./problem.tsx";

/** What a page shows that a mailed link leads to, once it has the link's token. */
export function MailedLink({ children }: { children: (token: string) => ReactNode }) {
  const token = useMailedToken();
  if (token === undefined) return <noscript>This page needs scripts to read its link.</noscript>;
  if (token === "") return <p role="alert">Open the link in the mail once more.</p>;
  return <Fragment key={token}>{children(token)}</Fragment>;
}

interface Props<Done extends string> {
  token: string;
  label: string;
  /** What to say of each way in which it goes well. */
  said: Record<Done, string>;
  use: (token: string, form: FormData) => Promise<Outcome<Done>>;
  /** What there is to fill in. */
  children?: ReactNode;
}

/**
 * Uses the link when somebody presses the button, and not before: programs that look at mails open the links in them,
 * and must neither use a link up nor agree to anything.
 */
export function LinkForm<Done extends string>(props: Props<Done>) {
  const { token, label, said, use, children } = props;
  const [outcome, action, pending] = useActionState(
    (_before: Outcome<Done> | undefined, form: FormData) => use(token, form),
    undefined,
  );
  if (outcome && "done" in outcome) {
    return (
      <>
        <p role="status" data-done={outcome.done}>
          {said[outcome.done]}
        </p>
        <p>
          <Link href="/conversations">Go on</Link>
        </p>
      </>
    );
  }
  return (
    <form action={action}>
      {children}
      <button type="submit" disabled={pending}>
        {label}
      </button>
      {outcome && <ProblemNote code={outcome.code} />}
    </form>
  );
}
