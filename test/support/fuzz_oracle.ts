import { checkAnswer, type Got } from "./contract.ts";
import type { Plan } from "./fuzz_requests.ts";
import { MARK } from "./fuzz_values.ts";
import type { Wire } from "./fuzz_wire.ts";
import type { Document, Listed } from "./openapi.ts";

/** What an answer may break. */
export type Fault =
  | "server error"
  | "undocumented"
  | "no problem"
  | "no request id"
  | "header"
  | "secret"
  | "echo"
  | "insides"
  | "let in"
  | "changed"
  | "log"
  | "no answer";

export interface Finding {
  fault: Fault;
  what: string;
}

/** One request with its answer. */
export interface Exchange {
  plan: Plan;
  wire: Wire;
  got: Got;
}

export interface Rules {
  document: Document;
  operations: Listed[];
  /** What every answer carries, and how it looks. */
  headers: Record<string, RegExp>;
  /** Texts that must be in no answer to this request. */
  secretsFrom: (exchange: Exchange) => string[];
}

const PROBLEM = "application/problem+json";
const STRANGERS = new Set(["nobody", "expired", "revoked", "madeUp", "flipped"]);
/** Our SQL, our files and our stack, as an error would quote them. */
const INSIDES =
  /\bselect\b.+\bfrom\b|\binsert into\b|\bupdate\b.+\bset\b|syntax error at|postgres|node_modules|\.ts:\d+|\bat \w+ \(|TypeError|undefined is not/i;

type Report = (fault: Fault, what: string) => void;

/** Everything that is wrong with an answer; empty when nothing is. */
export function judgeAnswer(exchange: Exchange, rules: Rules): Finding[] {
  const { plan, wire, got } = exchange;
  const listed = findOperation(wire, rules.operations);
  const findings: Finding[] = [];
  const report: Report = (fault, what) => void findings.push({ fault, what });

  if (got.status >= 500) report("server error", `the status is ${got.status}`);
  if (!isBodiless(exchange)) {
    for (const what of checkDocumented(exchange, listed, rules.document))
      report("undocumented", what);
    if (got.status >= 400) checkProblem(got, report);
  }
  // The server itself writes the answer to a handshake.
  for (const [name, wanted] of Object.entries(got.status === 101 ? {} : rules.headers))
    if (!wanted.test(got.headers.get(name) ?? "")) report("header", `${name} is missing or odd`);
  if (isLetIn(exchange, listed)) report("let in", `${plan.sender} gets ${got.status}`);
  const all = textOf(got);
  for (const secret of rules.secretsFrom(exchange))
    if (all.includes(secret)) report("secret", `"${secret}" is in the answer`);
  return findings;
}

function textOf({ headers, text }: Got): string {
  return text + [...headers].map((header) => header.join(": ")).join("\n");
}

function isBodiless({ wire, got }: Exchange): boolean {
  return wire.method === "HEAD" || got.status === 101;
}

function checkDocumented(
  { wire, got }: Exchange,
  listed: Listed | undefined,
  document: Document,
): string[] {
  if (!listed)
    return got.status < 400 && wire.method !== "OPTIONS"
      ? [`what is not documented answers ${got.status}`]
      : [];
  try {
    return checkAnswer(listed, got, document);
  } catch (error) {
    if (error instanceof SyntaxError) return ["the body is not JSON"];
    throw error;
  }
}

function checkProblem(got: Got, report: Report): void {
  if (textOf(got).includes(MARK)) report("echo", "the error repeats what was sent");
  if (INSIDES.test(got.text)) report("insides", "the error tells of our insides");
  const type = got.headers.get("content-type");
  if (type !== PROBLEM) return report("no problem", `the error is ${type ?? "nothing"}`);
  const body = parse(got.text);
  if (body?.["status"] !== got.status) report("no problem", "the error has another status");
  const id = got.headers.get("x-request-id");
  if (id === null || body?.["requestId"] !== id)
    report("no request id", "the error does not name its request");
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** An answer in short: its status, and the code of a problem if it has one. */
export function outcomeOf({ status, text }: Got): string {
  const code = status >= 400 ? parse(text)?.["code"] : undefined;
  return typeof code === "string" ? `${status} ${code}` : String(status);
}

/** Whether somebody without a living session got something that needs one. */
function isLetIn({ plan, wire, got }: Exchange, listed: Listed | undefined): boolean {
  const needsSession = listed?.operation.security?.every((way) => Object.keys(way).length > 0);
  const ownTries = wire.headers.filter(([name]) => name === "authorization").length > 1;
  return needsSession === true && !ownTries && STRANGERS.has(plan.sender) && got.status < 400;
}

/** The documented operation that a request reaches, as a server reads its path. */
function findOperation({ method, target }: Wire, operations: Listed[]): Listed | undefined {
  const path = URL.parse(`http://localhost${target}`)?.pathname.replace(/(?<=.)\/$/, "");
  const parts = path?.split("/") ?? [];
  const fitting = operations.filter((listed) => {
    const wanted = listed.path.split("/");
    const fits = wanted.every((part, at) =>
      part.startsWith("{") ? parts[at] !== "" : part === parts[at],
    );
    return listed.method === method && wanted.length === parts.length && fits;
  });
  // A path that is written out goes before one with parameters.
  const [first] = fitting.toSorted(
    (one, other) => one.path.split("{").length - other.path.split("{").length,
  );
  return first;
}
