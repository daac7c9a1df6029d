import { StartError } from "./errors.ts";
import { LOG_LEVELS } from "./log.ts";

/** What a setting's text becomes, and how to say what was expected. */
export interface SettingKind<T> {
  expected: string;
  /** Returns undefined when the text is not of this kind. */
  parse: (text: string) => T | undefined;
}

export interface Setting<T = unknown> {
  kind: SettingKind<T>;
  /** The text that stands for a missing variable; undefined leaves the value undefined. */
  default?: string;
  /** How the documents show the default, where it is not a fixed text. */
  shownDefault?: string;
  meaning: string;
}

const NAME = /^[a-z][a-z0-9_]{0,23}$/;

function kind<T>(expected: string, parse: (text: string) => T | undefined): SettingKind<T> {
  return { expected, parse };
}

function integer(min: number, max: number): SettingKind<number> {
  return kind(`a whole number from ${min} to ${max}`, (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  });
}

function oneOf<const T extends string>(values: readonly T[]): SettingKind<T> {
  return kind(`one of ${values.join(", ")}`, (text) => values.find((value) => value === text));
}

function someOf<const T extends string>(values: readonly T[]): SettingKind<T[]> {
  return kind(`${values.join(", ")}, several of them comma separated, or all`, (text) => {
    if (text === "all") return [...values];
    const names = text.split(",").map((name) => name.trim());
    const known = values.filter((value) => names.includes(value));
    return known.length === new Set(names).size ? known : undefined;
  });
}

function url(schemes: readonly string[]): SettingKind<URL> {
  return kind(`a URL that starts with ${schemes.map((s) => `${s}://`).join(" or ")}`, (text) => {
    const parsed = URL.parse(text);
    return parsed && schemes.includes(parsed.protocol.slice(0, -1)) ? parsed : undefined;
  });
}

const origin = kind("an origin such as https://app.example.com, without a path", (text) => {
  const parsed = URL.parse(text);
  const web = parsed?.protocol === "https:" || parsed?.protocol === "http:";
  return parsed && web && parsed.origin === text.replace(/\/$/, "") ? parsed.origin : undefined;
});

function listOf<T>(item: SettingKind<T>): SettingKind<T[]> {
  return kind(`a comma separated list, each ${item.expected}`, (text) => {
    const values: T[] = [];
    for (const part of text.split(",").map((piece) => piece.trim())) {
      if (part === "") continue;
      const value = item.parse(part);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  });
}

const path = kind("a file or folder path", (text) => (text.includes("\0") ? undefined : text));
const host = kind("a host name or address to listen on", (text) =>
  /^[A-Za-z0-9.:_-]{1,253}$/.test(text) ? text : undefined,
);
const address = kind("an IP address or a CIDR range such as 10.0.0.0/8", (text) =>
  /^[0-9a-fA-F.:]+(\/\d{1,3})?$/.test(text) ? text : undefined,
);
const name = kind("a lower-case name of at most 24 letters, digits and underscores", (text) =>
  NAME.test(text) ? text : undefined,
);
const sender = kind("a sender such as FRM-AI <no-reply@example.com>", (text) =>
  /^[^<>"\r\n]{1,64} <[^\s<>@]{1,64}@[^\s<>@]{1,255}>$/.test(text) ? text : undefined,
);
const scale = kind("a number from 0.01 to 1000000", (text) => {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  return value >= 0.01 && value <= 1_000_000 ? value : undefined;
});

/** The private half of a signing key, RFC 8037: an Ed25519 key as a JSON Web Key. */
export interface SigningKey {
  kty: "OKP";
  crv: "Ed25519";
  x: string;
  d: string;
  kid: string;
}

const signingKeys = kind("a JSON array of Ed25519 private JWKs, newest first", parseSigningKeys);

/** Reads a JSON array of signing keys; undefined when any of them is not a private Ed25519 JWK with a kid. */
export function parseSigningKeys(text: string): SigningKey[] | undefined {
  try {
    const keys: unknown = JSON.parse(text);
    if (!Array.isArray(keys) || keys.length === 0 || !keys.every(isSigningKey)) return undefined;
    return new Set(keys.map((key) => key.kid)).size === keys.length ? keys : undefined;
  } catch {
    return undefined;
  }
}

function isSigningKey(value: unknown): value is SigningKey {
  const key = value as Partial<Record<keyof SigningKey, unknown>> | null;
  const text = (field: unknown) => typeof field === "string" && /^[\w-]{1,128}$/.test(field);
  return key?.kty === "OKP" && key.crv === "Ed25519" && text(key.x) && text(key.d) && text(key.kid);
}

/** What one process of the product may do; the scheduler runs with the relay. */
const ROLES = ["api", "socket", "relay", "worker"] as const;
export type Role = (typeof ROLES)[number];

function setting<T>(
  kindOf: SettingKind<T>,
  rest: Omit<Setting<T>, "kind">,
): Setting<T> & { kind: SettingKind<T> } {
  return { kind: kindOf, ...rest };
}

const databaseUrl = url(["postgres", "postgresql"]);

/** Every setting the product reads, in the order in which the documents list them. */
export const SETTINGS = {
  NODE_ENV: setting(oneOf(["development", "test", "production"]), {
    default: "development",
    meaning: "production refuses development defaults: generated keys, demo, embedded services",
  }),
  HOST: setting(host, {
    shownDefault: "127.0.0.1, in production 0.0.0.0",
    meaning: "address to listen on",
  }),
  PORT: setting(integer(0, 65_535), {
    default: "3000",
    meaning: "port to listen on; 0 picks a free one",
  }),
  DATA_DIR: setting(path, {
    default: ".data",
    meaning: "folder of the embedded services and local files",
  }),
  DATABASE_URL: setting(databaseUrl, {
    shownDefault: "embedded Postgres",
    meaning: "Postgres 15 or newer; any login role that a managed host hands out",
  }),
  DATABASE_ADMIN_URL: setting(databaseUrl, {
    shownDefault: "DATABASE_URL",
    meaning: "login that migrates and creates our roles (CREATEROLE, unless they exist)",
  }),
  REDIS_URL: setting(url(["redis", "rediss", "redis+unix"]), {
    shownDefault: "embedded Redis",
    meaning:
      "Redis 7.0 or newer, or Valkey, with noeviction; or any node of a Redis Cluster, which is found to be one",
  }),
  ROLE: setting(someOf(ROLES), {
    default: "all",
    meaning: "what this process does: api, socket, relay, worker, comma separated, or all",
  }),
  WORKERS: setting(integer(1, 64), {
    shownDefault: "cores - 1, from 1 to 4",
    meaning: "threads that do background work, in a process with the role worker",
  }),
  LIMITS_SCALE: setting(scale, {
    default: "1",
    meaning: "multiplies every limit on traffic, for load tests; production refuses all but 1",
  }),
  REDIS_PREFIX: setting(name, {
    default: "frm",
    meaning: "first part of every key, so that products can share a Redis",
  }),
  DB_ROLE_PREFIX: setting(name, {
    default: "frm",
    meaning: "first part of our role names, so that products can share a Postgres server",
  }),
  TLS_CERT: setting(path, {
    shownDefault: "off",
    meaning: "PEM file of the certificate, where no proxy ends TLS",
  }),
  TLS_KEY: setting(path, {
    shownDefault: "off",
    meaning: "PEM file of the certificate's private key",
  }),
  PUBLIC_URL: setting(url(["http", "https"]), {
    shownDefault: "http://localhost:PORT",
    meaning: "the address under which people reach us; required in production",
  }),
  WEB_ORIGINS: setting(listOf(origin), {
    default: "",
    meaning: "web origins that may call with cookies and open sockets, comma separated",
  }),
  TRUSTED_PROXIES: setting(listOf(address), {
    default: "",
    meaning: "addresses or ranges whose X-Forwarded-* headers are believed, comma separated",
  }),
  JWT_KEYS: setting(signingKeys, {
    shownDefault: "generated once in development",
    meaning: "Ed25519 private JWKs as a JSON array, newest first; required in production",
  }),
  SESSION_IDLE_DAYS: setting(integer(1, 365), {
    default: "14",
    meaning: "days after which a session ends that was not refreshed",
  }),
  SESSION_MAX_DAYS: setting(integer(1, 3_650), {
    default: "90",
    meaning: "days after which every session ends",
  }),
  ACCOUNT_DELETION_GRACE_DAYS: setting(integer(1, 90), {
    default: "14",
    meaning: "days for which the deletion of an account can be taken back",
  }),
  MAIL_FROM: setting(sender, {
    default: "FRM-AI <no-reply@localhost>",
    meaning: "who our mail comes from, as Name <address>",
  }),
  LOG_LEVEL: setting(oneOf(LOG_LEVELS), {
    default: "info",
    meaning: "least severe lines that are written",
  }),
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
type Parsed<N extends SettingName> =
  (typeof SETTINGS)[N]["kind"] extends SettingKind<infer T> ? T : never;
export type SettingValues = { [N in SettingName]: Parsed<N> | undefined };

export type Environment = Record<string, string | undefined>;

/**
 * Reads every setting, each from NAME or from the file that NAME_FILE names (Docker, systemd and Vault hand secrets out so).
 * @throws StartError with one line for each wrong setting; a value is never repeated, because it may be a secret.
 */
export async function readSettings(env: Environment): Promise<SettingValues> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [settingName, definition] of Object.entries<Setting>(SETTINGS)) {
    const text = (await readText(env, settingName, problems)) ?? definition.default;
    if (text === undefined) continue;
    const value = definition.kind.parse(text);
    if (value === undefined) problems.push(describe(settingName, definition, text));
    values[settingName] = value;
  }
  if (problems.length > 0) throw new StartError(`Cannot start: ${problems.join("; ")}`);
  return values as SettingValues;
}

async function readText(
  env: Environment,
  settingName: string,
  problems: string[],
): Promise<string | undefined> {
  const direct = env[settingName];
  const file = env[`${settingName}_FILE`];
  if (file === undefined || file === "") return direct === "" ? undefined : direct;
  if (direct !== undefined && direct !== "") {
    problems.push(`${settingName} and ${settingName}_FILE are both set; keep one`);
    return undefined;
  }
  try {
    return (await Bun.file(file).text()).trim();
  } catch {
    problems.push(`${settingName}_FILE must name a readable file`);
    return undefined;
  }
}

function describe(settingName: string, definition: Setting, text: string): string {
  const shape = /^-?\d+(\.\d+)?$/.test(text) ? "a number" : `text of ${text.length} characters`;
  return `${settingName} must be ${definition.kind.expected}, but it is ${shape === "a number" ? "another number" : shape}`;
}
