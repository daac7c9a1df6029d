import { Elysia } from "elysia";

import {
  AlreadyExists,
  NotFound,
  TooManyAttempts,
  ValidationFailed,
} from "../../platform/errors.ts";
import { SIGNED_IN_REFUSALS } from "../../platform/http/access.ts";
import type { Platform } from "../../platform/platform.ts";
import { problems } from "../../platform/problems.ts";
import { auth, ReauthenticationRequired } from "../auth/mod.ts";
import {
  ConfirmBody,
  DisableBody,
  EmailNotVerified,
  operations,
  RecoveryCodes,
  TotpInvalid,
  TotpSetup,
  TotpState,
} from "./schema.ts";
import {
  beginTotp,
  confirmTotp,
  disableTotp,
  getTotpState,
  renewRecoveryCodes,
} from "./service/enrolment.ts";

const LOCATION = "/v1/account/totp";
const changeRefused = [...SIGNED_IN_REFUSALS, ValidationFailed] as const;

/** GET, POST, DELETE /v1/account/totp · POST …/confirm, …/recovery-codes */
export function mfaRoutes(platform: Platform) {
  return new Elysia({ name: "mfa.routes", prefix: LOCATION, detail: { tags: ["mfa"] } })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get("", ({ session }) => getTotpState(platform, session), {
      response: { 200: TotpState, ...problems(...SIGNED_IN_REFUSALS) },
      detail: operations.getTotp,
    })
    .post(
      "",
      async ({ session, set }) => {
        const setup = await beginTotp(platform, session);
        set.status = 201;
        set.headers["location"] = LOCATION;
        return setup;
      },
      {
        response: {
          201: TotpSetup,
          ...problems(...changeRefused, ReauthenticationRequired, EmailNotVerified, AlreadyExists),
        },
        detail: operations.beginTotp,
      },
    )
    .post(
      "/confirm",
      async ({ body, session, set }) => {
        const codes = await confirmTotp(platform, session, body);
        set.status = 201;
        set.headers["location"] = LOCATION;
        return codes;
      },
      {
        body: ConfirmBody,
        response: {
          201: RecoveryCodes,
          ...problems(...changeRefused, TotpInvalid, NotFound, TooManyAttempts),
        },
        detail: operations.confirmTotp,
      },
    )
    .post(
      "/recovery-codes",
      async ({ session, set }) => {
        const codes = await renewRecoveryCodes(platform, session);
        set.status = 201;
        set.headers["location"] = LOCATION;
        return codes;
      },
      {
        response: {
          201: RecoveryCodes,
          ...problems(...changeRefused, ReauthenticationRequired, NotFound),
        },
        detail: operations.renewRecoveryCodes,
      },
    )
    .delete(
      "",
      async ({ body, session, set }) => {
        await disableTotp(platform, session, body);
        set.status = 204;
      },
      {
        body: DisableBody,
        response: problems(
          ...changeRefused,
          TotpInvalid,
          ReauthenticationRequired,
          NotFound,
          TooManyAttempts,
        ),
        detail: operations.disableTotp,
      },
    );
}
