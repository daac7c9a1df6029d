import { Elysia } from "elysia";

import {
  Overloaded,
  SessionRevoked,
  TokenExpired,
  TokenInvalid,
  TooManyAttempts,
  Unauthenticated,
  ValidationFailed,
} from "../../../platform/errors.ts";
import { createClientAddress } from "../../../platform/http/client_address.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { auth, InvalidCredentials, ReauthenticationRequired } from "../../auth/mod.ts";
import {
  ACCEPTED,
  Accepted,
  ChangeEmailBody,
  ChangePasswordBody,
  EmailConfirmed,
  ForgottenBody,
  LinkInvalid,
  operations,
  ResetBody,
  TokenBody,
} from "../schema/credentials.ts";
import { confirmEmailChange, requestEmailChange } from "../service/email_change.ts";
import { changePassword, forgetPassword, resetPassword } from "../service/passwords.ts";
import { confirmEmail, resendVerification } from "../service/verification.ts";

const session = [Unauthenticated, TokenExpired, TokenInvalid, SessionRevoked] as const;
const askRefused = problems(...session, ValidationFailed, TooManyAttempts);
const changeRefused = problems(
  ...session,
  ReauthenticationRequired,
  ValidationFailed,
  TooManyAttempts,
);
const passwordRefused = problems(
  ...session,
  InvalidCredentials,
  ReauthenticationRequired,
  ValidationFailed,
  TooManyAttempts,
  Overloaded,
);
const forgottenRefused = problems(ValidationFailed, TooManyAttempts);
const linkRefused = problems(LinkInvalid, ValidationFailed, TooManyAttempts);
const resetRefused = problems(LinkInvalid, ValidationFailed, TooManyAttempts, Overloaded);

/** POST /v1/account/email, …/confirm, …/verification, …/verification/confirm · PUT /v1/account/password · POST …/forgotten, …/reset */
export function credentialRoutes(platform: Platform) {
  const addressOf = createClientAddress(platform.config.trustedProxies);
  return new Elysia({
    name: "account.credentials",
    prefix: "/v1/account",
    detail: { tags: ["account"] },
  })
    .use(auth(platform))
    .post(
      "/email/verification",
      async ({ session: caller, set }) => {
        await resendVerification(platform, caller);
        set.status = 202;
        return ACCEPTED;
      },
      {
        signedIn: true,
        response: { 202: Accepted, ...askRefused },
        detail: operations.resendVerification,
      },
    )
    .post(
      "/email/verification/confirm",
      async ({ body, request, server, set }) => {
        await confirmEmail(platform, { ...body, address: addressOf(request, server) });
        set.status = 204;
      },
      { open: true, body: TokenBody, response: linkRefused, detail: operations.confirmEmail },
    )
    .post(
      "/password/forgotten",
      async ({ body, request, server, set }) => {
        await forgetPassword(platform, { ...body, address: addressOf(request, server) });
        set.status = 202;
        return ACCEPTED;
      },
      {
        open: true,
        body: ForgottenBody,
        response: { 202: Accepted, ...forgottenRefused },
        detail: operations.forgetPassword,
      },
    )
    .post(
      "/password/reset",
      async ({ body, request, server, set }) => {
        await resetPassword(platform, { ...body, address: addressOf(request, server) });
        set.status = 204;
      },
      { open: true, body: ResetBody, response: resetRefused, detail: operations.resetPassword },
    )
    .put(
      "/password",
      async ({ body, session: caller, request, server, set }) => {
        const address = addressOf(request, server);
        await changePassword(platform, caller, { ...body, address });
        set.status = 204;
      },
      {
        signedIn: true,
        body: ChangePasswordBody,
        response: passwordRefused,
        detail: operations.changePassword,
      },
    )
    .post(
      "/email",
      async ({ body, session: caller, set }) => {
        await requestEmailChange(platform, caller, body.email);
        set.status = 202;
        return ACCEPTED;
      },
      {
        signedIn: true,
        body: ChangeEmailBody,
        response: { 202: Accepted, ...changeRefused },
        detail: operations.requestEmailChange,
      },
    )
    .post(
      "/email/confirm",
      async ({ body, request, server }) =>
        await confirmEmailChange(platform, { ...body, address: addressOf(request, server) }),
      {
        open: true,
        body: TokenBody,
        response: { 200: EmailConfirmed, ...linkRefused },
        detail: operations.confirmEmailChange,
      },
    );
}
