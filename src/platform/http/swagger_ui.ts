import icon16 from "swagger-ui-dist/favicon-16x16.png" with { type: "file" };
import icon32 from "swagger-ui-dist/favicon-32x32.png" with { type: "file" };
import { version } from "swagger-ui-dist/package.json";
import bundle from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" };

import styles from "swagger-ui-dist/swagger-ui.css" with { type: "file" };

/** Something to serve as it is. The tag changes whenever the bytes do. */
export interface Asset {
  type: string;
  etag: string;
  content: string | Blob;
}

/** What the page needs and nothing else: no inline script or style, no other origin, no frame. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // The icons inside of Swagger UI's style sheet are data: URLs.
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

// Paths are absolute, because the page is served with and without a slash at its end.
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>FRM-AI API</title>
    <link rel="stylesheet" href="/swagger/swagger-ui.css" />
    <link rel="icon" type="image/png" sizes="32x32" href="/swagger/favicon-32x32.png" />
    <link rel="icon" type="image/png" sizes="16x16" href="/swagger/favicon-16x16.png" />
    <script src="/swagger/swagger-ui-bundle.js" defer></script>
    <script src="/swagger/start.js" defer></script>
  </head>
  <body>
    <div id="swagger-ui"></div>
  </body>
</html>
`;

// Without validatorUrl null, the page would ask a validator on the internet for a badge.
const START = `window.ui = SwaggerUIBundle({
  url: "/swagger/json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayOperationId: true,
  displayRequestDuration: true,
  persistAuthorization: true,
  validatorUrl: null,
});
`;

const FILES = new Map([
  ["swagger-ui.css", { path: styles, type: "text/css; charset=utf-8" }],
  ["swagger-ui-bundle.js", { path: bundle, type: "text/javascript; charset=utf-8" }],
  ["favicon-16x16.png", { path: icon16, type: "image/png" }],
  ["favicon-32x32.png", { path: icon32, type: "image/png" }],
]);

/** The page of Swagger UI. */
export const page = textAsset("text/html; charset=utf-8", PAGE);
const start = textAsset("text/javascript; charset=utf-8", START);

/** A file that belongs to the page; undefined for every name that we have not listed. */
export function findAsset(name: string): Asset | undefined {
  if (name === "start.js") return start;
  const file = FILES.get(name);
  // Read when it is asked for, so that it costs neither the start nor memory.
  return file && { type: file.type, etag: `"${version}"`, content: Bun.file(file.path) };
}

export function textAsset(type: string, content: string): Asset {
  return { type, etag: `"${Bun.hash(content).toString(36)}"`, content };
}
