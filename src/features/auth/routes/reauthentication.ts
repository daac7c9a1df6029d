import { Elysia } from "elysia";

import {
  OriginNotAllowed,
  Overloaded,
  TooManyAttempts,
  ValidationFailed,
} from "../../../platform/errors.ts";
import { SIGNED_IN_REFUSALS } from "../../../platform/http/access.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { TotpInvalid, TotpRequired } from "../../mfa/mod.ts";
import { auth } from "../mod.ts";
import { InvalidCredentials, operations, ReauthenticationBody, SignedIn } from "../schema.ts";
import { reauthenticate } from "../service/recent.ts";
import { answer, assertMayHold } from "./token_answer.ts";

const refused = problems(
  ...SIGNED_IN_REFUSALS,
  InvalidCredentials,
  TotpRequired,
  TotpInvalid,
  OriginNotAllowed,
  ValidationFailed,
  TooManyAttempts,
  Overloaded,
);

/** POST /v1/auth/reauthenticate */
export function reauthenticationRoutes(platform: Platform) {
  const { config } = platform;
  const idleMs = config.sessionIdleMs;
  return new Elysia({ name: "auth.reauthentication", detail: { tags: ["auth"] } })
    .use(auth(platform))
    .post(
      "/v1/auth/reauthenticate",
      async ({ body, request, session, set }) => {
        assertMayHold(config, request, body.transport);
        const renewed = await reauthenticate(platform, session, body);
        return answer(renewed, body.transport, { headers: set.headers, idleMs });
      },
      {
        signedIn: true,
        body: ReauthenticationBody,
        response: { 200: SignedIn, ...refused },
        detail: operations.reauthenticate,
      },
    );
}
