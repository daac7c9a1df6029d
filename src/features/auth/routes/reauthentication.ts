import { Elysia } from "elysia";

import { Overloaded, TooManyAttempts, ValidationFailed } from "../../../platform/errors.ts";
import { SIGNED_IN_REFUSALS } from "../../../platform/http/access.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { TotpInvalid, TotpRequired } from "../../mfa/mod.ts";
import { auth } from "../mod.ts";
import { InvalidCredentials, operations, ReauthenticationBody } from "../schema.ts";
import { reauthenticate } from "../service/recent.ts";

const refused = problems(
  ...SIGNED_IN_REFUSALS,
  InvalidCredentials,
  TotpRequired,
  TotpInvalid,
  ValidationFailed,
  TooManyAttempts,
  Overloaded,
);

/** POST /v1/auth/reauthenticate */
export function reauthenticationRoutes(platform: Platform) {
  return new Elysia({ name: "auth.reauthentication", detail: { tags: ["auth"] } })
    .use(auth(platform))
    .post(
      "/v1/auth/reauthenticate",
      async ({ body, session, set }) => {
        await reauthenticate(platform, session, body);
        set.status = 204;
      },
      {
        signedIn: true,
        body: ReauthenticationBody,
        response: refused,
        detail: operations.reauthenticate,
      },
    );
}
