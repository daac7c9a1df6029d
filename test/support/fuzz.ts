import fc from "fast-check";

import type { Got } from "./contract.ts";
import { type Exchange, type Finding, judgeAnswer, outcomeOf, type Rules } from "./fuzz_oracle.ts";
import { type Grammar, type Plan, requests, type Sender } from "./fuzz_requests.ts";
import { MARK } from "./fuzz_values.ts";
import { exchange, type Wire } from "./fuzz_wire.ts";
import { listChanges, type Snapshot } from "./rows.ts";

/** A server under test, with what the fuzzer needs to know of it. */
export interface Target {
  url: string;
  grammar: Grammar;
  rules: Omit<Rules, "secretsFrom">;
  /** What a placeholder stands for at the moment. */
  resolve: (name: string) => string;
  tokenOf: (sender: Sender) => string | undefined;
  /** Texts that no answer to `me` may hold, and ones that none at all may hold. */
  secrets: () => { others: string[]; never: string[]; credentialsOfOthers: string[] };
  /** Lets the target keep up: a token that was exchanged, a session that has ended. */
  follow: (exchange: Exchange) => Promise<void>;
  snapshot: () => Promise<Snapshot>;
  /** Tables that a refusal with this code, or a look by this operation, may change, because that is its purpose. */
  effectsOf: (codeOrLook: string) => string[];
  log: () => string;
}

export interface FuzzOptions {
  seed: number;
  runs: number;
  limitMs: number;
  /** Where in the seed's requests a failure was; as a failure names it. */
  path?: string;
}

export interface FuzzReport {
  requests: number;
  /** How often each operation had each outcome. */
  outcomes: Record<string, Record<string, number>>;
  /** The first failure, as small as it could be made. */
  failure?: { findings: Finding[]; text: string };
}

/** Carries the findings of one request through the library, which only knows of thrown errors. */
class Broken extends Error {
  readonly findings: Finding[];

  constructor(findings: Finding[], context: object) {
    const lines = findings.map(({ fault, what }) => `${fault}: ${what}`);
    super([...lines, JSON.stringify(context)].join("\n"));
    this.findings = findings;
  }
}

/** Sends generated requests one after the other, until one breaks a rule or the budget is spent. */
export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, runs, limitMs, path } = options;
  const report: FuzzReport = { requests: 0, outcomes: {} };
  const step = stepper(target, report);
  const result = await fc.check(fc.asyncProperty(requests(target.grammar), step), {
    seed,
    numRuns: runs,
    interruptAfterTimeLimit: limitMs,
    markInterruptAsFailure: false,
    ...(path === undefined ? {} : { path }),
  });
  // A budget that is spent within the first request counts as failed too, with nothing that failed.
  const isBroken = result.failed && result.counterexample !== null;
  const late = isBroken ? [] : checkLog(target);
  if (late.length > 0) return { ...report, failure: { findings: late, text: `seed ${seed}, log` } };
  if (!isBroken) return report;
  const thrown = result.errorInstance;
  const findings = thrown instanceof Broken ? thrown.findings : [];
  const place = `seed ${seed}, path "${result.counterexamplePath ?? ""}"`;
  const what = thrown instanceof Error ? thrown.message : String(thrown);
  return { ...report, failure: { findings, text: `${place}\n${what}` } };
}

function stepper(target: Target, report: FuzzReport): (plan: Plan) => Promise<void> {
  let baseline: Snapshot | undefined;
  let seen = 0;
  return async (plan) => {
    const before = (baseline ??= await target.snapshot());
    baseline = undefined;
    const wire = toWire(plan, target);
    const got = await exchange(target.url, wire).catch((error: unknown) => {
      throw new Broken([{ fault: "no answer", what: String(error) }], { plan });
    });
    count(report, plan, got);
    const done = { plan, wire, got };
    const secretsFrom = () => listSecrets(done, target);
    const findings = judgeAnswer(done, { ...target.rules, secretsFrom });
    const isStill = got.status >= 400 || plan.method === "GET" || plan.method === "HEAD";
    const after = isStill ? await target.snapshot() : undefined;
    if (after) findings.push(...judgeChanges({ before, after }, done, target));
    findings.push(...checkLog(target, seen));
    seen = target.log().length;
    if (findings.length > 0)
      throw new Broken(findings, { plan, status: got.status, text: got.text.slice(0, 1_000) });
    baseline = after;
    const known = tokensOf(target);
    await target.follow(done);
    if (tokensOf(target) !== known) baseline = undefined;
  };
}

/** Those of the senders who come anew when their session has ended. */
function tokensOf({ tokenOf }: Target): string {
  return `${tokenOf("me") ?? ""} ${tokenOf("staff") ?? ""}`;
}

function toWire(plan: Plan, target: Target): Wire {
  const fill = (text: string) =>
    text.replaceAll(/\{\{((?!raw)[\w.]+)\}\}/g, (_, name: string) => target.resolve(name));
  const token = target.tokenOf(plan.sender);
  const given = plan.headers.map(([name, value]) => [name, fill(value)] as [string, string]);
  const usual: [string, string][] = [
    ["host", new URL(target.url).host],
    ["connection", "close"],
    ...(plan.body === undefined ? [] : [["content-type", "application/json"] as [string, string]]),
  ];
  // A name of the plan's own takes the place of the usual one; two of what says who asks are worth a try.
  const kept = usual.filter(([name]) => !given.some(([other]) => other === name));
  const bearer: [string, string][] =
    token === undefined ? [] : [["authorization", `Bearer ${token}`]];
  return {
    method: plan.method,
    target: fill(plan.target),
    headers: [...kept, ...bearer, ...given],
    chunked: plan.chunked,
    ...(plan.body === undefined ? {} : { body: fill(plan.body) }),
  };
}

function listSecrets({ plan, wire }: Exchange, target: Target): string[] {
  const { others, never, credentialsOfOthers } = target.secrets();
  const sent = JSON.stringify(wire);
  const asOther =
    plan.sender === "other" ||
    plan.sender === "staff" ||
    credentialsOfOthers.some((one) => sent.includes(one));
  return asOther ? never : [...others, ...never];
}

interface Change {
  before: Snapshot;
  after: Snapshot;
}

/** A refusal and a look change nothing. */
function judgeChanges(
  { before, after }: Change,
  { plan, got }: Exchange,
  target: Target,
): Finding[] {
  const allowed = target.effectsOf(outcomeOf(got).split(" ")[1] ?? plan.operationId);
  const changed = listChanges(before, after).filter((name) => !allowed.includes(name));
  if (changed.length === 0) return [];
  return [{ fault: "changed", what: `${changed.join()} changed with ${outcomeOf(got)}` }];
}

/** What the log must not hold, from here on; the whole of it is looked at in the end, because lines may come late. */
function checkLog(target: Target, from = 0): Finding[] {
  const log = target.log().slice(from);
  const { others, never, credentialsOfOthers } = target.secrets();
  const secrets = [...others, ...never, ...credentialsOfOthers, MARK];
  const findings = secrets
    .filter((secret) => log.includes(secret))
    .map((secret): Finding => ({ fault: "log", what: `"${secret}" is in the log` }));
  return log.includes('"level":"error"')
    ? [...findings, { fault: "log", what: "there is an error in the log" }]
    : findings;
}

function count(report: FuzzReport, { operationId }: Plan, got: Got): void {
  report.requests += 1;
  const known = (report.outcomes[operationId] ??= {});
  const outcome = outcomeOf(got);
  known[outcome] = (known[outcome] ?? 0) + 1;
}
