/**
 * Looks for secrets in every file that git tracks or would track, and ends with 1 if there is one. What it prints names
 * the place and the rule, never the secret, because the output of a gate is read by many.
 */
import { join } from "node:path";

import { lineAt, listFiles } from "../test/support/source.ts";
import {
  AROUND_CHARS,
  PROVIDER_RULES,
  SECRET_FILES,
  SECRET_RULES,
  type SecretRule,
} from "./secret_rules.ts";

/** A finding that is none, such as a published test vector. */
export interface AllowedSecret {
  /** As the finding prints it: it stands for this secret, found by this rule in this file, and for nothing else. */
  fingerprint: string;
  reason: string;
}

/** Every exception there is; one that no longer stands for anything is refused. */
const ALLOWED: AllowedSecret[] = [
  {
    fingerprint: "18983b95c3f3bb68886ca448",
    reason: "the log's test shows that this password of a made-up URL is never written",
  },
  {
    fingerprint: "75d4491f0db926ab060b5b0b",
    reason:
      "the log's test shows that a text in the shape of a token is never written; it is signed by nobody",
  },
];

const MASKED_CHARS = 4;
const FINGERPRINT_CHARS = 24;
/** A file that is larger is no source, and nobody would read it in a review either. */
const MAX_FILE_BYTES = 8_388_608;
const ROOT = join(import.meta.dir, "..");

/** Scans the files below a folder. @returns one line for each finding. */
export async function scanSecrets(root: string, allowed: AllowedSecret[]): Promise<string[]> {
  const found = (await Promise.all(listFiles(root).map((path) => scanFile(root, path)))).flat();
  const excused = new Set(allowed.map(({ fingerprint }) => fingerprint));
  const known = new Set(found.map(({ fingerprint }) => fingerprint));
  return [
    ...found.filter(({ fingerprint }) => !excused.has(fingerprint)).map(describe),
    ...allowed
      .filter(({ fingerprint }) => !known.has(fingerprint))
      .map(({ fingerprint }) => `${fingerprint}: allowed, but not found: take the entry away`),
    ...allowed
      .filter(({ reason }) => reason.trim() === "")
      .map(({ fingerprint }) => `${fingerprint}: allowed without a reason: say why`),
  ];
}

interface Secret {
  path: string;
  line: number;
  rule: string;
  masked: string;
  fingerprint: string;
}

async function scanFile(root: string, path: string): Promise<Secret[]> {
  const file = Bun.file(join(root, path));
  if (!(await file.exists())) return [];
  const named = SECRET_FILES.test(path) ? [toSecret(path, "file of secrets", path)] : [];
  if (file.size > MAX_FILE_BYTES) return [...named, toSecret(path, "too large to scan", path)];
  const bytes = await file.bytes();
  return [...named, ...(bytes.includes(0) ? scanBinary(path, bytes) : scanText(path, bytes))];
}

function scanText(path: string, bytes: Uint8Array): Secret[] {
  const source = new TextDecoder().decode(bytes);
  return SECRET_RULES.flatMap((rule) => applyRule(rule, path, source));
}

/** A picture, a database, or a text of two bytes a character; of the first two only the keys of providers are told apart. */
function scanBinary(path: string, bytes: Uint8Array): Secret[] {
  const [first, second] = bytes;
  const wide = first === 0xff && second === 0xfe ? "utf-16le" : undefined;
  const encoding = first === 0xfe && second === 0xff ? "utf-16be" : wide;
  if (encoding) {
    const source = new TextDecoder(encoding).decode(bytes);
    return SECRET_RULES.flatMap((rule) => applyRule(rule, path, source));
  }
  const plain = new TextDecoder("latin1").decode(bytes);
  // Without its zero bytes a text of two bytes a character reads as one, wherever in the file it begins.
  const found = [plain, plain.replaceAll("\0", "")].flatMap((source) =>
    PROVIDER_RULES.flatMap((rule) => applyRule(rule, path, source)),
  );
  return [...new Map(found.map((secret) => [secret.fingerprint, secret])).values()];
}

function applyRule(rule: SecretRule, path: string, source: string): Secret[] {
  if (rule.files && !rule.files.test(path)) return [];
  return [...source.matchAll(rule.pattern)].flatMap((match) => {
    const secret = match[1] ?? match[0];
    const around = source.slice(
      Math.max(0, match.index - AROUND_CHARS),
      match.index + match[0].length + AROUND_CHARS,
    );
    if (rule.holds && !rule.holds(match, around)) return [];
    return [{ ...toSecret(path, rule.name, secret), line: lineAt(source, match.index) }];
  });
}

function toSecret(path: string, rule: string, secret: string): Secret {
  const digest = new Bun.CryptoHasher("sha256").update([rule, path, secret].join("\0"));
  return {
    path,
    line: 1,
    rule,
    masked: `${secret.slice(0, MASKED_CHARS)}…`,
    fingerprint: digest.digest("hex").slice(0, FINGERPRINT_CHARS),
  };
}

function describe({ path, line, rule, masked, fingerprint }: Secret): string {
  return `${path}:${line}: ${rule} ${masked} (${fingerprint}): revoke it, or say in scripts/secrets.ts why it is none`;
}

if (import.meta.main) {
  const started = performance.now();
  const findings = await scanSecrets(ROOT, ALLOWED);
  for (const finding of findings) console.log(finding);
  const tookMs = Math.round(performance.now() - started);
  console.log(`${findings.length} secrets found in ${tookMs} ms`);
  process.exit(findings.length === 0 ? 0 : 1);
}
