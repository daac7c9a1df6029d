import { Elysia } from "elysia";

import { AppError, NotFound } from "../../platform/errors.ts";
import { ACCESS } from "../../platform/http/access.ts";
import { describeApi } from "../../platform/http/openapi.ts";
import type { Route } from "../../platform/http/openapi_operation.ts";
import {
  type Asset,
  findAsset,
  page,
  PAGE_POLICY,
  textAsset,
} from "../../platform/http/swagger_ui.ts";
import { ABOUT, AssetParams } from "./schema.ts";

type Headers = Record<string, string | number>;

const detail = { hide: true, [ACCESS]: "open" };

/** GET /swagger: the page · GET /swagger/json: the OpenAPI document · GET /swagger/{file}: what the page is made of. */
export function docsRoutes(routes: () => readonly Route[]) {
  let document: Promise<Asset> | undefined;

  /** Made when it is first asked for; the routes do not change after the start. */
  async function makeDocument(): Promise<Asset> {
    return textAsset("application/json", JSON.stringify(await describeApi(routes(), ABOUT)));
  }
  return new Elysia({ name: "docs.routes", prefix: "/swagger" })
    .get(
      "",
      ({ request, set }) => {
        Object.assign(set.headers, {
          "content-security-policy": PAGE_POLICY,
          "cross-origin-opener-policy": "same-origin",
        });
        return send(page, request, set.headers);
      },
      { detail },
    )
    .get(
      "/json",
      async ({ request, set }) => send(await (document ??= makeDocument()), request, set.headers),
      { detail },
    )
    .get(
      "/:file",
      ({ params, request, set }) => {
        const asset = findAsset(params.file);
        if (!asset) throw new AppError(NotFound, "No such file of the page");
        return send(asset, request, set.headers);
      },
      { detail, params: AssetParams },
    );
}

/** The same for everybody. A browser keeps it, and asks each time whether it has changed. */
function send(asset: Asset, request: Request, headers: Headers): Response {
  headers["cache-control"] = "public, no-cache";
  headers["etag"] = asset.etag;
  if (request.headers.get("if-none-match") === asset.etag)
    return new Response(null, { status: 304 });
  headers["content-type"] = asset.type;
  return new Response(asset.content);
}
