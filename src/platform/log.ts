/** Severity, from the least to the most urgent. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Record<string, unknown>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Whether lines of this level are written, for whoever would go to some length for one. */
  isOn(level: LogLevel): boolean;
  /** A log whose lines all carry these fields. */
  child(fields: LogFields): Log;
}

export interface LogOptions {
  level: LogLevel;
  /** For people at a terminal; machines get one JSON object a line. */
  pretty: boolean;
  write: (line: string) => void;
  now: () => Date;
}

const REDACTED = "[redacted]";
/** A field is hidden by its name, whoever logs it, because a secret is recognised by where it stands. */
const SECRET_KEY =
  /pass|secret|token|authori[sz]ation|cookie|ticket|api_?key|private|credential|databaseurl|redisurl|jwt/i;
const MAX_DEPTH = 6;
const MAX_TEXT = 2_000;
/** What has the shape of a token or of a URL with a password is hidden even inside a message. */
const SECRET_TEXT =
  /\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*|\b(?:fr[tv]|wst)1_[\w-]+|(?<=\/\/[^/\s:@]*:)[^/\s@]+(?=@)/g;

/** Opens a log; lines below `level` are dropped. */
export function createLog(options: LogOptions, bound: LogFields = {}): Log {
  const floor = LOG_LEVELS.indexOf(options.level);
  const isOn = (level: LogLevel) => LOG_LEVELS.indexOf(level) >= floor;
  function emit(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (!isOn(level)) return;
    const line = {
      time: options.now().toISOString(),
      level,
      message: scrub(message),
      ...(redact({ ...bound, ...fields }, 0) as LogFields),
    };
    options.write(options.pretty ? prettyLine(line) : JSON.stringify(line));
  }
  return {
    debug: (message, fields) => emit("debug", message, fields),
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, fields) => emit("error", message, fields),
    isOn,
    child: (fields) => createLog(options, { ...bound, ...fields }),
  };
}

function redact(value: unknown, depth: number): unknown {
  if (typeof value === "string") return scrub(value);
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return value.toISOString();
  if (depth >= MAX_DEPTH) return "[deep]";
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      SECRET_KEY.test(key) ? REDACTED : redact(item, depth + 1),
    ]),
  );
}

/** An error's own fields are left out: drivers hang the query and its parameters there. */
function redactError(error: Error, depth: number): LogFields {
  return {
    name: error.name,
    message: scrub(error.message.split("\nparams:")[0] ?? ""),
    // Only the places: the lines before them repeat the message, with whatever a driver has put there.
    stack: (error.stack ?? "")
      .split("\n")
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 8)
      .join("\n"),
    ...(error.cause !== undefined && depth < MAX_DEPTH
      ? { cause: redact(error.cause, depth + 1) }
      : {}),
  };
}

function scrub(text: string): string {
  return text.slice(0, MAX_TEXT).replace(SECRET_TEXT, REDACTED);
}

function prettyLine(line: LogFields): string {
  const { time, level, message, ...rest } = line;
  const clock = String(time).slice(11, 23);
  const fields = Object.entries(rest)
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
  return `${clock} ${String(level).padEnd(5)} ${String(message)}${fields === "" ? "" : `  ${fields}`}`;
}
