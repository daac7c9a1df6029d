import type { NextConfig } from "next";

/** Where the product answers. Next reads it at the start in development and at the build otherwise. */
const apiUrl = process.env["FRM_API_URL"] ?? "http://localhost:3000";

const config: NextConfig = {
  poweredByHeader: false,
  // This folder is a project of its own, below another one.
  turbopack: { root: import.meta.dirname },
  // The browser sees one origin, so its cookies are first-party and REST needs no CORS.
  rewrites: async () => [{ source: "/v1/:path*", destination: `${apiUrl}/v1/:path*` }],
};

export default config;
