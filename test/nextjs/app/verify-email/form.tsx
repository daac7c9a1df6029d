"use client";

import { confirmAddress } from "../../browser/account.ts";
import { LinkForm, MailedLink } from "../mailed_link.tsx";

const SAID = { confirmed: "Your address is confirmed." };

export function VerifyForm() {
  return (
    <MailedLink>
      {(token) => (
        <LinkForm token={token} label="Confirm my address" said={SAID} use={confirmAddress} />
      )}
    </MailedLink>
  );
}
