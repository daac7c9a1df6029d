/** Where public keys come from, and with what they are fetched. */
export interface KeySetOptions {
  url: string | URL;
  fetch: typeof fetch;
  /** Milliseconds since 1970. */
  now: () => number;
  /** How long one request may take, body included. */
  timeoutMs: number;
}

export interface KeySet {
  /** The public key of this id, or undefined where the product has none. @throws when no keys can be had. */
  find(kid: string): Promise<CryptoKey | undefined>;
}

/** As long as the product lets a cache keep its keys: one that was withdrawn is refused after this. */
const FRESH_MS = 300_000;
/** While the product cannot be asked, keys that were good an hour ago are no longer trusted. */
const TRUSTED_MS = 3_600_000;
/** Tokens that name made-up keys must not make a request each. */
const PAUSE_MS = 10_000;
const RETRY_MS = 2_000;
const MAX_BYTES = 65_536;
const MAX_KEYS = 32;
const KEY_ID = /^[\w-]{1,128}$/;
/** 32 bytes in base64url. */
const PUBLIC_HALF = /^[\w-]{43}$/;

/** The product's public keys, kept for a while, and asked for by one request at a time however many wait for it. */
export function createKeySet(options: KeySetOptions): KeySet {
  const { now } = options;
  let keys = new Map<string, CryptoKey>();
  let confirmedAt = -Infinity;
  let mayAskAt = -Infinity;
  let asking: Promise<void> | undefined;

  async function ask(): Promise<void> {
    try {
      keys = await load(options);
      confirmedAt = now();
      mayAskAt = now() + PAUSE_MS;
    } catch {
      // The keys that are known go on for a while, so a short outage of the product signs nobody out.
      mayAskAt = now() + RETRY_MS;
    } finally {
      asking = undefined;
    }
  }

  return {
    find: async (kid) => {
      const isFresh = now() - confirmedAt < FRESH_MS;
      if (!(isFresh && keys.has(kid)) && now() >= mayAskAt) await (asking ??= ask());
      if (now() - confirmedAt >= TRUSTED_MS) throw new Error("Cannot get the public keys");
      return keys.get(kid);
    },
  };
}

async function load({ url, fetch, timeoutMs }: KeySetOptions): Promise<Map<string, CryptoKey>> {
  const answer = await fetch(url, {
    // Next.js would keep the answer for as long as the build lives.
    cache: "no-store",
    headers: { accept: "application/json" },
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (!answer.ok) throw new Error(`Cannot get the public keys: ${answer.status}`);
  const keys = await readKeys(JSON.parse(await readLimited(answer)));
  if (keys.size === 0) throw new Error("Cannot get the public keys: there is none of ours");
  return keys;
}

async function readLimited({ body }: Response): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = body?.getReader();
  let text = "";
  let bytes = 0;
  for (;;) {
    const part = await reader?.read();
    if (part?.value === undefined) return text + decoder.decode();
    bytes += part.value.byteLength;
    if (bytes > MAX_BYTES) {
      await reader?.cancel();
      throw new Error("Cannot get the public keys: the answer is too long");
    }
    text += decoder.decode(part.value, { stream: true });
  }
}

/** The keys of a set that we can use. Those of other kinds are for others, and are passed over. */
async function readKeys(set: unknown): Promise<Map<string, CryptoKey>> {
  const listed = (set as { keys?: unknown } | null)?.keys;
  const keys = new Map<string, CryptoKey>();
  for (const listing of Array.isArray(listed) ? listed.slice(0, MAX_KEYS) : []) {
    const found = readKey(Object(listing) as Record<string, unknown>);
    if (!found || keys.has(found.kid)) continue;
    const { kid, jwk } = found;
    keys.set(kid, await crypto.subtle.importKey("jwk", jwk, "Ed25519", false, ["verify"]));
  }
  return keys;
}

function readKey(listing: Record<string, unknown>) {
  const { kty, crv, x, kid, alg, use } = listing;
  if (kty !== "OKP" || crv !== "Ed25519" || alg !== "EdDSA" || use !== "sig") return undefined;
  if (typeof kid !== "string" || typeof x !== "string") return undefined;
  return KEY_ID.test(kid) && PUBLIC_HALF.test(x) ? { kid, jwk: { kty, crv, x } } : undefined;
}
