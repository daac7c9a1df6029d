"use client";

import { agreeToMove } from "../../browser/account.ts";
import { LinkForm, MailedLink } from "../mailed_link.tsx";

const SAID = {
  moved: "The account has its new address now.",
  waiting: "Thank you. The account moves when the other address has agreed too.",
};

export function ConfirmForm() {
  return (
    <MailedLink>
      {(token) => (
        <LinkForm token={token} label="Agree to the new address" said={SAID} use={agreeToMove} />
      )}
    </MailedLink>
  );
}
