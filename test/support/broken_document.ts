import type { Schema } from "./json_schema.ts";
import type { Document, Operation } from "./openapi.ts";

export const MAX_LIMIT = 100;
export const MAX_NAME = 20;
export const MAX_SIZE = 1_000;

const ITEM: Schema = {
  type: "object",
  additionalProperties: false,
  required: ["id", "name", "size"],
  properties: {
    id: { type: "string", format: "uuid" },
    name: { type: "string" },
    size: { type: "integer" },
  },
};
const NEW_ITEM: Schema = {
  type: "object",
  additionalProperties: false,
  required: ["name"],
  properties: {
    name: { type: "string", minLength: 1, maxLength: MAX_NAME },
    size: { type: "integer", minimum: 0, maximum: MAX_SIZE },
  },
};
const PROBLEM: Schema = {
  type: "object",
  required: ["status", "code", "detail", "requestId"],
  properties: {
    status: { type: "integer" },
    code: { type: "string" },
    detail: { type: "string" },
    requestId: { type: "string" },
  },
};

/** What the server with the seeded bugs promises. */
export const DOCUMENT: Document = {
  openapi: "3.1.0",
  tags: [],
  paths: {
    "/v1/health": {
      get: operation("checkHealth", { answers: { 200: object({ ok: { type: "boolean" } }) } }),
    },
    "/v1/items": {
      get: operation("listItems", {
        closed: true,
        query: { limit: { type: "integer", minimum: 1, maximum: MAX_LIMIT } },
        answers: { 200: object({ items: { type: "array", items: ITEM } }), 422: PROBLEM },
      }),
      post: operation("addItem", {
        closed: true,
        body: NEW_ITEM,
        answers: { 201: ITEM, 400: PROBLEM, 422: PROBLEM },
      }),
    },
    "/v1/items/{id}": {
      get: operation("getItem", { closed: true, answers: { 200: ITEM, 404: PROBLEM } }),
    },
  },
  components: { schemas: { Problem: PROBLEM }, headers: {}, securitySchemes: {} },
};

function object(properties: Record<string, Schema>): Schema {
  return {
    type: "object",
    additionalProperties: false,
    required: Object.keys(properties),
    properties,
  };
}

interface Parts {
  closed?: boolean;
  query?: Record<string, Schema>;
  body?: Schema;
  answers: Record<number, Schema>;
}

function operation(operationId: string, { closed, query = {}, body, answers }: Parts): Operation {
  const id = { name: "id", in: "path", required: true, schema: { type: "string", format: "uuid" } };
  const all = closed ? { ...answers, 401: PROBLEM } : answers;
  return {
    operationId,
    summary: "",
    description: "",
    tags: [],
    parameters: [
      ...(operationId === "getItem" ? [id] : []),
      ...Object.entries(query).map(([name, schema]) => ({ name, in: "query", schema })),
    ],
    ...(closed ? { security: [{ bearer: [] }] } : {}),
    ...(body
      ? { requestBody: { required: true, content: { "application/json": { schema: body } } } }
      : {}),
    responses: Object.fromEntries(
      Object.entries(all).map(([status, schema]) => {
        const type = Number(status) < 400 ? "application/json" : "application/problem+json";
        return [status, { description: "", content: { [type]: { schema } } }];
      }),
    ),
  };
}
