import { timingSafeEqual } from "node:crypto";

import { AppError, InvalidCursor } from "./errors.ts";
import type { DerivedKey, DerivedKeys } from "./tokens.ts";

/** Positions in lists, signed so that nobody can edit one into another list, another filter or another user's. */
export interface Cursors {
  /** @param scope names the list with everything that filters it, the viewer included. */
  encode(scope: string, position: (string | number)[]): string;
  /** @throws AppError invalid_cursor for anything that encode has not made for this scope. */
  decode(scope: string, cursor: string): (string | number)[];
}

const MAC_BYTES = 16;

/** @param keys newest first: the first one signs, all of them verify, so that lists go on while keys are rotated. */
export function createCursors(keys: DerivedKeys): Cursors {
  function sign({ secret }: DerivedKey, scope: string, payload: string): Uint8Array {
    const mac = new Bun.CryptoHasher("sha256", secret).update(`${scope}\n${payload}`).digest();
    return mac.subarray(0, MAC_BYTES);
  }
  return {
    encode: (scope, position) => {
      const payload = Buffer.from(JSON.stringify(position)).toString("base64url");
      return `${payload}.${Buffer.from(sign(keys[0], scope, payload)).toString("base64url")}`;
    },
    decode: (scope, cursor) => {
      const [payload = "", mac = "", ...rest] = cursor.split(".");
      const given = Buffer.from(mac, "base64url");
      // Re-encoding refuses the other spellings that base64 has for the same bytes.
      const canonical =
        rest.length === 0 && given.length === MAC_BYTES && given.toString("base64url") === mac;
      const isOurs = (key: DerivedKey) => timingSafeEqual(given, sign(key, scope, payload));
      if (!canonical || !keys.some(isOurs))
        throw new AppError(InvalidCursor, "Cannot read a cursor");
      return JSON.parse(Buffer.from(payload, "base64url").toString()) as (string | number)[];
    },
  };
}
