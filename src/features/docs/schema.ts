import { t } from "elysia";

import { object } from "../../platform/schema.ts";

export const AssetParams = object({ file: t.String({ maxLength: 64 }) });

/** What the API's document says about itself; every tag that a route has is described here. */
export const ABOUT = {
  info: {
    title: "FRM-AI API",
    version: "1",
    description: `The API of FRM-AI, a social network for investors.

Sign in with **login** or **register**, press **Authorize**, and put the \`accessToken\` of the answer there; it then goes with every call.

- An error is always \`application/problem+json\` with a stable \`code\`; each operation lists the codes that it may answer.
- Ids are UUIDs, times are RFC 3339 in UTC, and unknown fields are refused.
- Messages come in Vietnamese or English, as \`Accept-Language\` asks.
- Events travel over the socket, \`GET /v1/ws\`, under the subprotocol \`frm.v1\`.`,
  },
  tags: [
    { name: "auth", description: "Accounts, sessions and tokens." },
    { name: "mfa", description: "The second factor of a sign-in." },
    { name: "account", description: "The account's address and password." },
    { name: "audit", description: "What happened to an account." },
    { name: "admin", description: "For staff; to everybody else there is nothing here." },
    { name: "chat", description: "Conversations, their members and their messages." },
    { name: "blocks", description: "Whom one wants to have nothing to do with." },
    { name: "moderation", description: "Reports of what others said." },
    { name: "realtime", description: "The socket, and the tickets that open it." },
    { name: "health", description: "What balancers and monitors ask." },
  ],
};
