import { cors } from "@elysiajs/cors";
import { Elysia } from "elysia";

import type { Config } from "../config.ts";
import { AppError, HttpsRequired, MethodNotAllowed, MisdirectedHost, NotFound } from "../errors.ts";
import type { Log } from "../log.ts";
import { judge, localeOf, toProblem } from "../problems.ts";
import { checkBodyHeaders } from "./body.ts";
import { securityHeaders } from "./headers.ts";
import { createHostCheck, createProxyCheck, isOperation } from "./hosts.ts";

export interface EdgeOptions {
  config: Config;
  log: Log;
  /** The methods that a path answers to, for 405. */
  methodsOf: (path: string) => string[];
  /** Where a request comes from, as far as the socket knows. */
  addressOf: (request: Request) => string | undefined;
}

/** Headers of ours that a page on another origin may read. */
const EXPOSED = ["X-Request-Id", "Location", "Retry-After", "RateLimit", "RateLimit-Policy"];
const ALLOWED = ["Authorization", "Content-Type", "Idempotency-Key", "X-FRM-CSRF", "X-Request-Id"];
const PREFLIGHT_LIFE_S = 7_200;
const REQUEST_ID = /^[A-Za-z0-9_-]{8,64}$/;

/**
 * Everything between the socket and the routes: who may ask, what may come in, and what every answer carries. Elysia
 * reads the text of a hook to find out what it needs: one that names `server`, or that returns what it calls, costs
 * every request a getter or a turn of its own.
 */
export function edge(options: EdgeOptions) {
  const { config, log } = options;
  const check = requestChecks(options);
  const common = securityHeaders(config.production);

  return (
    new Elysia({ name: "edge" })
      .use(log.isOn("info") ? accessLog(log) : new Elysia())
      // Before the checks, so that even a refusal can be read by the page that caused it.
      .use(crossOrigin(config.webOrigins))
      .onRequest(({ request, set }) => {
        Object.assign(set.headers, common);
        set.headers["x-request-id"] = requestIdOf(request);
        check(request);
      })
      .onError({ as: "global" }, ({ error, request, set }) => {
        const requestId = String(set.headers["x-request-id"] ?? requestIdOf(request));
        const verdict = judge(error);
        const answer = verdict.kind === NotFound ? methodMissing(request, options) : undefined;
        const failure = answer ?? verdict.error;
        if (verdict.bug) log.error("a request failed", { requestId, error });
        set.status = failure.kind.status;
        set.headers["content-type"] = "application/problem+json";
        set.headers["cache-control"] = "private, no-store";
        if (failure.kind.status === 401) set.headers["www-authenticate"] = 'Bearer realm="frm-ai"';
        Object.assign(set.headers, failure.extras.headers);
        const locale = localeOf(request.headers.get("accept-language"));
        return new Response(JSON.stringify(toProblem(failure, { locale, requestId })), {
          status: failure.kind.status,
        });
      })
  );
}

/** One line for each answer, but for those to whoever asks whether we live. */
function accessLog(log: Log) {
  const started = new WeakMap<Request, number>();
  return new Elysia({ name: "access-log" })
    .onRequest(({ request }) => {
      started.set(request, performance.now());
    })
    .onAfterResponse({ as: "global" }, (context) => {
      const { request, set } = context;
      const route =
        "route" in context && typeof context.route === "string" ? context.route : "none";
      if (route.startsWith("/health")) return;
      const ms = performance.now() - (started.get(request) ?? performance.now());
      log.info("request", {
        requestId: set.headers["x-request-id"],
        method: request.method,
        route,
        status: set.status ?? 200,
        ms: Math.round(ms * 10) / 10,
      });
    });
}

/** CORS for the web origins that the operator named. Where there is none, no answer speaks of other origins. */
function crossOrigin(webOrigins: string[]) {
  if (webOrigins.length === 0) return new Elysia();
  const origins = new Set(webOrigins);
  return new Elysia().use(
    cors({
      origin: (request) => origins.has(request.headers.get("origin") ?? ""),
      credentials: true,
      methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
      allowedHeaders: ALLOWED,
      exposeHeaders: EXPOSED,
      maxAge: PREFLIGHT_LIFE_S,
    }),
  );
}

function requestIdOf(request: Request): string {
  const given = request.headers.get("x-request-id");
  return given !== null && REQUEST_ID.test(given) ? given : Bun.randomUUIDv7();
}

/** The checks that need no route: the host, transport security, and what the body claims to be. */
function requestChecks({ config, addressOf }: EdgeOptions): (request: Request) => void {
  const isOurHost = createHostCheck(config);
  const isTrustedProxy = createProxyCheck(config.trustedProxies);

  function isSecure(request: Request): boolean {
    if (config.tls) return true;
    const forwarded = request.headers.get("x-forwarded-proto")?.split(",").at(-1)?.trim();
    // The address is asked for only here, because it is not free.
    return forwarded === "https" && isTrustedProxy(addressOf(request));
  }
  return (request) => {
    const needsHost = !isOurHost(request.headers.get("host"));
    const needsTls = config.production && !isSecure(request);
    if ((needsHost || needsTls) && !isOperation(request)) {
      if (needsHost) throw new AppError(MisdirectedHost, "Cannot serve that host");
      throw new AppError(HttpsRequired, "Cannot serve without TLS");
    }
    checkBodyHeaders(request);
  };
}

/** A path that exists under another method is not missing, and the answer says which methods it has. */
function methodMissing(request: Request, options: EdgeOptions): AppError | undefined {
  const path = URL.parse(request.url)?.pathname ?? "/";
  const methods = options.methodsOf(path).filter((method) => method !== request.method);
  if (methods.length === 0 || options.methodsOf(path).includes(request.method)) return undefined;
  return new AppError(MethodNotAllowed, "Cannot use this method here", {
    headers: { allow: methods.join(", ") },
  });
}
