import type { ClientErrorCode } from "@frm-ai/client";

/** What a page says instead of the API's own words, where it knows better. The code never changes with the language. */
const SAID: Partial<Record<ClientErrorCode, string>> = {
  invalid_credentials: "The e-mail address or the password is wrong.",
  link_invalid: "This link has expired or was used already. Ask for a new one.",
  not_found: "There is no such conversation, or you are not in it.",
  outbox_full: "Too many messages wait to be sent.",
  unreachable: "The server cannot be reached.",
  validation_failed: "Something in the form is not as it should be.",
};

/** A refusal, by its code. */
export function ProblemNote({ code }: { code: ClientErrorCode }) {
  return (
    <p role="alert" data-code={code}>
      {SAID[code] ?? "That did not work."} <code>{code}</code>
    </p>
  );
}
