/** One kind of secret, and how its text looks. */
export interface SecretRule {
  name: string;
  /** The first group, where there is one, is the secret; else the whole match. */
  pattern: RegExp;
  /** Restricts the rule to some files. */
  files?: RegExp;
  /** Refuses what only looks like one. */
  holds?: (match: RegExpExecArray, around: string) => boolean;
}

/** How far from the private part of a JWK its `kty` may stand. */
export const AROUND_CHARS = 600;
/** Bits for each character: English and identifiers stay below, random hex and base64 above. */
const MIN_ENTROPY_BITS = 3.2;
const MIN_ASSIGNED_CHARS = 16;
/** Without a digit only so long a text can be told from words by its letters. */
const MIN_LETTERS = 32;
/** In random letters a quarter of the neighbours are two capitals, and a quarter rise; words have few of either. */
const MIN_NEIGHBOURS = 0.1;
/** A fifth of random letters are vowels; of words in English or Vietnamese more than a third. */
const MAX_VOWELS = 0.27;
/** How far before a fallback value the name may stand for which it stands in. */
const FALLBACK_REACH_CHARS = 160;

/** Shell, YAML, Dockerfiles and the like assign without quotes; in code that would be an expression. */
const NOT_CODE = /^(?!.*\.(?:tsx?|jsx?|mjs|cjs|css|html|sql|lock)$)/;
const SECRET_NAME =
  "(?:secret|token|passw(?:or)?d|passphrase|(?<![a-z])(?:pass|pwd)(?![a-z])|api_?key|access_?key|service_?key|private_?key|signing_?key|credential)[\\w-]*";
/** Hosts that exist for documents and tests only: RFC 2606, RFC 6761. */
const DOCUMENTED_HOST =
  /^(?:localhost|127(?:\.\d+){3}|\[::1\]|(?:[\w-]+\.)*(?:example(?:\.(?:com|org|net))?|test|invalid|localhost))$/i;
/** What a value may stand in for: a setting of any name, or whatever is called a secret. */
const FALLBACK_FOR = new RegExp(`\\benv\\b|${SECRET_NAME}`, "i");
/** Words that stand where a password goes; whoever writes them shows the place and not the password. */
const PLACEHOLDER =
  /^(?:[$<{*.…%\\].*|x+|y+|pw|pass(?:word)?|pwd|secret|user|me|you|change-?me|your[\w-]*|postgres|redis|frm)$/i;

/** The keys of providers have a shape of their own, so they are found under any name and in any file. */
export const PROVIDER_RULES: SecretRule[] = [
  { name: "age key", pattern: /\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b/g },
  { name: "aws key", pattern: /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b/g },
  { name: "docker token", pattern: /\bdckr_(?:pat|oat)_[\w-]{27,}/g },
  { name: "github token", pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{50,})/g },
  { name: "gitlab token", pattern: /\bgl(?:pat|dt|rt|cbt|ptt)-[\w-]{20,}/g },
  { name: "google key", pattern: /\b(?:AIza[\w-]{35}|GOCSPX-[\w-]{28})(?![\w-])/g },
  { name: "hugging face token", pattern: /\bhf_[A-Za-z0-9]{30,}/g },
  { name: "jwt", pattern: /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}/g },
  { name: "new relic key", pattern: /\b(?:NRAK-[A-Z0-9]{27}|[0-9a-f]{36}NRAL)\b/g },
  { name: "npm token", pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  {
    name: "openai or anthropic key",
    pattern: /\bsk-(?:[a-z]+\d*-)*[\w-]{20,}/g,
    holds: ([key]) => isRandom(key.slice(3)),
  },
  { name: "resend key", pattern: /\bre_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}/g },
  { name: "sendgrid key", pattern: /\bSG\.[\w-]{22}\.[\w-]{43}/g },
  {
    name: "sentry dsn or token",
    pattern: /\bhttps?:\/\/[0-9a-f]{32}(?::[0-9a-f]{32})?@[\w.-]+\/\d+|\bsntry[su]_[\w+/=-]{40,}/g,
  },
  {
    name: "slack token",
    pattern: /\bxox[abeoprs]-[\w-]{10,}|\bhooks\.slack\.com\/services\/T\w+\/B\w+\/\w{16,}/g,
  },
  { name: "stripe key", pattern: /\b(?:[rs]k_(?:live|test)_\w{16,}|whsec_[\w+/=]{24,})/g },
  { name: "supabase key", pattern: /\b(?:sb_secret_[\w-]{20,}|sbp_[0-9a-f]{40})/g },
  { name: "telegram token", pattern: /\b\d{8,10}:AA[\w-]{33}(?![\w-])/g },
  { name: "vault token", pattern: /\bhv[sbr]\.[\w-]{24,}/g },
];

export const SECRET_RULES: SecretRule[] = [
  ...PROVIDER_RULES,
  {
    name: "private key",
    // A header alone is the name of the format; with a body it is a key, be it in one string with \n or over lines.
    pattern:
      /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\[rn]|[\s"'`+,])*((?:[A-Za-z-]+: [^\n]*\s+)*[A-Za-z0-9+/]{16,})/g,
  },
  {
    name: "private jwk",
    pattern: /["']?\b[dk]["']?\s*:\s*["'`]([\w-]{32,})["'`]/g,
    holds: (_, around) => /\bkty\b/.test(around),
  },
  {
    name: "password in a url",
    pattern: /[a-z0-9]:\/\/[^\s/:@"'`<>]*:([^\s/@"'`<>]+)@([^\s/:?#"'`<>]+)/gi,
    holds: isLiveLogin,
  },
  {
    name: "password in a url",
    pattern:
      /[a-z0-9]:\/\/[^\s?"'`<>]*\?[^\s"'`<>#]*?\b(?:ssl)?(?:password|passwd|pwd|secret|token|api_?key)=([^\s&#"'`<>]+)/gi,
    holds: isLiveQuery,
  },
  {
    name: "authorization header",
    pattern: /\bbearer\s+([\w+/=.~-]{16,})/gi,
    holds: ([, token = ""]) => isRandom(token),
  },
  {
    name: "authorization header",
    pattern: /\bbasic\s+([A-Za-z0-9+/]{8,}={0,2})/gi,
    holds: ([, pair = ""]) => isLivePair(pair),
  },
  {
    name: "password in sql",
    pattern: /\b(?:role|user|login)\b[^;'"`]{0,200}?\bpassword\s*=?\s*'([^'\s]+)'/gi,
    holds: ([, password = ""]) => !PLACEHOLDER.test(password),
  },
  {
    name: "secret as a fallback",
    // An address is none; a password in one has a rule of its own.
    pattern: /(?:\?\?|\|\|)=?\s*["'`](?![a-z][a-z0-9+.-]*:\/\/)([^"'`\s]{16,})["'`]/g,
    holds: ({ 1: value = "", index, input }) =>
      isRandom(value) && FALLBACK_FOR.test(statementBefore(input, index)),
  },
  {
    name: "assigned secret",
    pattern: new RegExp(
      `${SECRET_NAME}["'\`]?\\s*(?:[:=]|=>|,|\\()\\s*["'\`]([^"'\`\\s]{${MIN_ASSIGNED_CHARS},})["'\`]`,
      "gi",
    ),
    holds: ([, value = ""]) => isRandom(value),
  },
  {
    name: "assigned secret",
    files: NOT_CODE,
    pattern: new RegExp(
      `${SECRET_NAME}\\s*[:=]\\s*([^\\s"'\`<>(){}$,;]{${MIN_ASSIGNED_CHARS},})(?=[\\s\`]|$)`,
      "gi",
    ),
    holds: ([, value = ""]) => isRandom(value),
  },
  {
    // What a person chose is shorter than what the rules above look for, so only the plainest places are searched for it.
    name: "short password",
    pattern:
      /(?:(?:PASSWORD|PASSWD|PASS|PWD)=["']?|[pP]assw(?:or)?d\(\s*["'`])([^\s"'`<>(){}$,;]{8,15})(?=[\s"'`]|$)/g,
    holds: ([, value = ""]) =>
      /\d/.test(value) && /[A-Za-z]/.test(value) && !PLACEHOLDER.test(value),
  },
];

/** Files that hold keys by their nature, whatever is in them. */
export const SECRET_FILES =
  /(?:^|\/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.env(?!\.example$)(?:\..+)?|\.netrc|\.pgpass|[^/]+\.(?:p12|pfx|jks|keystore|kdbx|p8|ppk))$/;

/** Whether somebody could log in with it: not at a host for documents, nor with a word that shows a place. */
function isLiveLogin([, password = "", host = ""]: RegExpExecArray): boolean {
  return !DOCUMENTED_HOST.test(host) && !PLACEHOLDER.test(password) && !host.startsWith("$");
}

/** What stands before a place in the same statement, as far as it matters. */
function statementBefore(source: string, index: number): string {
  const before = source.slice(Math.max(0, index - FALLBACK_REACH_CHARS), index);
  return before.slice(before.lastIndexOf(";") + 1);
}

function isLiveQuery([url, password = ""]: RegExpExecArray): boolean {
  const host = /:\/\/(?:[^/@?]*@)?([^/:?]*)/.exec(url)?.[1] ?? "";
  if (DOCUMENTED_HOST.test(host)) return false;
  // People choose passwords; secrets and tokens are made by machines.
  return /(?:password|passwd|pwd)=[^=]*$/i.test(url)
    ? !PLACEHOLDER.test(password)
    : isRandom(password);
}

/** Whether it is the Base64 of a name and of a password that is no word for one. */
function isLivePair(pair: string): boolean {
  const text = Buffer.from(pair, "base64").toString("latin1");
  const [, name, password] = /^([\x20-\x7e]*?):([\x20-\x7e]+)$/.exec(text) ?? [];
  return password !== undefined && password !== name && !PLACEHOLDER.test(password);
}

/** Whether a text is too irregular to have been written by a person. */
function isRandom(text: string): boolean {
  if (!/[A-Za-z]/.test(text) || /\$\{|^\$|^</.test(text)) return false;
  if (!/\d/.test(text)) return areRandomLetters(text);
  return entropyOf(text) >= MIN_ENTROPY_BITS;
}

function areRandomLetters(text: string): boolean {
  if (text.length < MIN_LETTERS || !/^[A-Za-z+/=_-]+$/.test(text)) return false;
  const share = (pattern: RegExp) => (text.match(pattern)?.length ?? 0) / text.length;
  const isMixed =
    share(/[A-Z](?=[A-Z])/g) >= MIN_NEIGHBOURS && share(/[a-z](?=[A-Z])/g) >= MIN_NEIGHBOURS;
  return isMixed || share(/[aeiouy]/gi) <= MAX_VOWELS;
}

/** Shannon's measure, in bits for each character. */
function entropyOf(text: string): number {
  const counts = Object.values(Object.groupBy(text, (letter) => letter));
  return counts.reduce((sum, same) => {
    const share = (same?.length ?? 0) / text.length;
    return sum - share * Math.log2(share);
  }, 0);
}
