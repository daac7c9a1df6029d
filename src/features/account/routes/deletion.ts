import { Elysia } from "elysia";

import {
  NotFound,
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
import { auth, LastAdmin, ReauthenticationRequired } from "../../auth/mod.ts";
import { DeletionUnderWay } from "../schema/credentials.ts";
import { Deletion, operations } from "../schema/lifecycle.ts";
import { cancelDeletion, getDeletion, requestDeletion } from "../service/deletion.ts";

const LOCATION = "/v1/account/deletion";
const refused = [
  Unauthenticated,
  TokenExpired,
  TokenInvalid,
  SessionRevoked,
  ValidationFailed,
] as const;

/** GET, POST, DELETE /v1/account/deletion */
export function deletionRoutes(platform: Platform) {
  const addressOf = createClientAddress(platform.config.trustedProxies);
  return new Elysia({
    name: "account.deletion.routes",
    prefix: LOCATION,
    detail: { tags: ["account"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get("", ({ session }) => getDeletion(platform, session), {
      response: { 200: Deletion, ...problems(...refused) },
      detail: operations.getDeletion,
    })
    .post(
      "",
      async ({ session, request, server, set }) => {
        const address = addressOf(request, server);
        const deletion = await requestDeletion(platform, session, { address });
        set.status = 202;
        set.headers["location"] = LOCATION;
        return deletion;
      },
      {
        response: {
          202: Deletion,
          ...problems(...refused, ReauthenticationRequired, TooManyAttempts, LastAdmin),
        },
        detail: operations.requestDeletion,
      },
    )
    .delete(
      "",
      async ({ session, set }) => {
        await cancelDeletion(platform, session);
        set.status = 204;
      },
      {
        response: problems(...refused, NotFound, DeletionUnderWay),
        detail: operations.cancelDeletion,
      },
    );
}
