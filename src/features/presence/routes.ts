import { Elysia } from "elysia";

import { DependencyUnavailable, ValidationFailed } from "../../platform/errors.ts";
import { SIGNED_IN_REFUSALS } from "../../platform/http/access.ts";
import type { Platform } from "../../platform/platform.ts";
import { problems } from "../../platform/problems.ts";
import { RateLimited } from "../../platform/realtime/rate.ts";
import { assertMaySend } from "../../platform/realtime/sends.ts";
import { auth } from "../auth/mod.ts";
import { operations, PresenceList, PresenceQuery, PresenceSettings } from "./schema.ts";
import { getPresenceSettings, setPresenceSettings } from "./service/settings.ts";
import { listPresence } from "./service/viewing.ts";

const REFUSALS = [...SIGNED_IN_REFUSALS, ValidationFailed, DependencyUnavailable] as const;
const refused = problems(...REFUSALS);

/** GET /v1/presence · GET and PUT /v1/me/presence */
export function presenceRoutes(platform: Platform) {
  return new Elysia({ name: "presence", detail: { tags: ["realtime"] } })
    .use(auth(platform))
    .get(
      "/v1/presence",
      ({ query, session }) => {
        const userIds = [...new Set(query.userIds.toLowerCase().split(","))];
        return listPresence(platform, { viewerId: session.userId, userIds });
      },
      {
        signedIn: true,
        query: PresenceQuery,
        response: { 200: PresenceList, ...refused },
        detail: operations.listPresence,
      },
    )
    .get("/v1/me/presence", ({ session }) => getPresenceSettings(platform, session.userId), {
      signedIn: true,
      response: { 200: PresenceSettings, ...refused },
      detail: operations.getPresenceSettings,
    })
    .put(
      "/v1/me/presence",
      async ({ body, session }) => {
        await assertMaySend(platform.sends, session.userId);
        return await setPresenceSettings(platform, session.userId, body);
      },
      {
        signedIn: true,
        body: PresenceSettings,
        response: { 200: PresenceSettings, ...problems(...REFUSALS, RateLimited) },
        detail: operations.setPresenceSettings,
      },
    );
}
