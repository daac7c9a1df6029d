"use client";

import { type Outcome, setPassword } from "../../browser/account.ts";
import { fieldOf } from "../field.ts";
import { LinkForm, MailedLink } from "../mailed_link.tsx";

const SAID = { set: "The new password is set, and every device is signed out. Sign in with it." };

function takeLink(token: string, form: FormData): Promise<Outcome<"set">> {
  return setPassword(token, fieldOf(form, "password"));
}

export function ResetForm() {
  return (
    <MailedLink>
      {(token) => (
        <LinkForm token={token} label="Set the password" said={SAID} use={takeLink}>
          <label>
            New password
            <input
              name="password"
              type="password"
              autoComplete="new-password"
              required
              minLength={8}
              maxLength={128}
            />
          </label>
        </LinkForm>
      )}
    </MailedLink>
  );
}
