import { AppError, PayloadTooLarge, UnsupportedMediaType } from "../errors.ts";
import { type Json, normalizeInput } from "../text.ts";

/** Largest body of an ordinary endpoint; uploads have limits of their own. */
const MAX_BODY_BYTES = 1_048_576;

export const METHODS_WITH_BODY = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/**
 * Refuses a body before a byte of it is read. Only JSON passes, because a form or plain text can be sent across sites
 * without the browser asking first. @throws AppError payload_too_large or unsupported_media_type.
 */
export function checkBodyHeaders(request: Request): void {
  if (!METHODS_WITH_BODY.has(request.method)) return;
  const { headers } = request;
  const length = headers.get("content-length");
  if (length !== null && Number(length) > MAX_BODY_BYTES) throw tooLarge();
  const hasBody = length === null ? headers.has("transfer-encoding") : length !== "0";
  if (!hasBody) return;
  const [type = "", ...parameters] = (headers.get("content-type") ?? "").toLowerCase().split(";");
  const foreign = parameters.some((parameter) => !/^\s*(charset="?utf-8"?)?\s*$/.test(parameter));
  const encoded = headers.has("content-encoding") && headers.get("content-encoding") !== "identity";
  if (type.trim() !== "application/json" || foreign || encoded)
    throw new AppError(UnsupportedMediaType, "Cannot take a body that is not JSON");
}

/**
 * Reads, decodes and normalises a JSON body; null when it is empty.
 * @throws AppError payload_too_large, SyntaxError for what is not JSON or not UTF-8, UnfitText for unfit strings.
 */
export async function readJsonBody(request: Request): Promise<Json> {
  const bytes = await readLimited(request).catch((error: unknown) => {
    throw isBrokenOff(error) ? new SyntaxError("Cannot read the body: it breaks off") : error;
  });
  // At undefined the framework would read the body itself, which is used by now.
  if (bytes.byteLength === 0) return null;
  return normalizeInput(JSON.parse(decode(bytes)) as Json);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SyntaxError("Cannot decode the body: it is not UTF-8");
  }
}

/** The caller hung up in the middle of the body, or framed it wrongly; that is no failure of ours. */
function isBrokenOff(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

async function readLimited(request: Request): Promise<Uint8Array> {
  // A declared length was checked with the headers, and the server enforces it.
  if (request.headers.has("content-length")) return new Uint8Array(await request.arrayBuffer());
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of request.body ?? []) {
    total += chunk.byteLength;
    if (total > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(): AppError {
  return new AppError(PayloadTooLarge, "Cannot take the body: it is too large");
}
