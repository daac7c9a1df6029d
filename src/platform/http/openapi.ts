import { PROBLEM } from "../problems.ts";
import { describeOperation, type Operation, type Route } from "./openapi_operation.ts";
import { HEADERS, problemComponent } from "./openapi_problem.ts";
import type { Components } from "./openapi_schema.ts";

/** What the document says about the API as a whole. */
export interface About {
  info: { title: string; version: string; description: string };
  tags: { name: string; description: string }[];
}

interface Document {
  [field: string]: unknown;
  paths: Record<string, Record<string, Operation>>;
}

const PATH = "/document";
const SECURITY = {
  bearer: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "The `accessToken` that signing in answers.",
  },
} as const;

/**
 * The OpenAPI document of the routes. The Swagger plugin lists the operations; their input and answers come from the
 * routes themselves, see describeOperation.
 */
export async function describeApi(routes: readonly Route[], about: About): Promise<object> {
  const documented = await listOperations(routes, about);
  const components: Components = new Map();
  const paths: Document["paths"] = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)\??/g, "{$1}");
    const method = route.method.toLowerCase();
    const operation = documented.paths[path]?.[method];
    if (!operation) continue;
    paths[path] = { ...paths[path], [method]: describeOperation(operation, route, components) };
  }
  const named = [...components].toSorted(([a], [b]) => a.localeCompare(b));
  const schemas = { ...Object.fromEntries(named), [PROBLEM]: problemComponent() };
  return {
    ...documented,
    // JSON Schema of today, so that null and a constant can be said.
    openapi: "3.1.0",
    servers: [{ url: "/" }],
    paths,
    components: { schemas, headers: HEADERS, securitySchemes: SECURITY },
  };
}

async function listOperations(routes: readonly Route[], about: About): Promise<Document> {
  // Loaded when the document is first asked for, so that a start does without it.
  const { swagger } = await import("@elysiajs/swagger");
  const plugin = swagger({ specPath: PATH, excludeStaticFile: false, documentation: about });
  // The plugin asks the instance that it is part of. Ours is not the product's, whose page would come with it.
  Object.assign<object, object>(plugin, { getGlobalRoutes: () => routes });
  const answer = await plugin.handle(new Request(`http://localhost${PATH}`));
  return (await answer.json()) as Document;
}
