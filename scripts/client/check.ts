import { join, resolve } from "node:path";

import { compile } from "./compiler.ts";

export interface CheckedTypes {
  /** How long the compiler took. */
  ms: number;
}

/** As a Next.js project has it, but strict about declarations too. */
export const CONSUMER_OPTIONS = {
  target: "ES2022",
  lib: ["ESNext", "DOM", "DOM.Iterable"],
  module: "ESNext",
  moduleResolution: "bundler",
  isolatedModules: true,
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  types: [],
};

const CONSUMER = `
import { createAccessTokenCheck } from "../package/access_token.js";
import {
  createApi,
  createBrowserOutbox,
  createSocket,
  createTicketSource,
  messagesOf,
  openChat,
} from "../package/mod.js";

const api = createApi("/api", { token: async () => "token" });
const outbox = createBrowserOutbox({ userId: "lan" });
const socket = createSocket({ url: "/v1/ws", ticket: createTicketSource(api), outbox });
socket.on("event", ({ kind, data }) => console.log(kind === "msg.new" ? data.body : kind));
const { data } = await api.v1.conversations.get({ query: { limit: 20 } });
for (const { id } of data?.items ?? []) await socket.send({ conversationId: id, body: "Hello" });
const chat = openChat({ api, socket, userId: "lan" });
for (const { body, pending } of messagesOf(chat.state, "id")) console.log(body, pending);
const checked = await createAccessTokenCheck({ origin: "http://localhost:3000" })("token");
if (checked.verdict === "good") console.log(checked.userId.toUpperCase());
`;

/** Type-checks a consumer of the package, as TypeScript does without any types of Bun or Node. @throws when it fails. */
export async function checkPackage(folder: string, work: string): Promise<CheckedTypes> {
  await Bun.write(join(work, "consumer.ts"), CONSUMER);
  const start = performance.now();
  const errors = await compile(work, {
    compilerOptions: CONSUMER_OPTIONS,
    include: ["consumer.ts", join(folder, "**/*.d.ts")],
  });
  const ms = performance.now() - start;
  // Elysia's own declarations name types of Bun and Node; with skipLibCheck, which everybody sets, that does not matter.
  const own = errors.filter(({ path }) => {
    const full = resolve(work, path);
    return full.startsWith(folder) || full.startsWith(work);
  });
  const [first] = own;
  if (first)
    throw new Error(`Cannot type-check the client: ${first.path}:${first.line}: ${first.message}`);
  return { ms };
}
