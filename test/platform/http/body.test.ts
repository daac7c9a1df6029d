import { expect, test } from "bun:test";

import { AppError } from "../../../src/platform/errors.ts";
import { checkBodyHeaders, readJsonBody } from "../../../src/platform/http/body.ts";

const LIMIT = 1_048_576;
const JSON_TYPE = { "content-type": "application/json" };

function checked(headers: Record<string, string>, method = "POST"): string {
  try {
    checkBodyHeaders(new Request("http://localhost/", { method, headers }));
    return "accepted";
  } catch (error) {
    return error instanceof AppError ? error.kind.code : "crashed";
  }
}

/** A body of unknown length; `pulled` tells how many chunks were taken from it. */
function stream(chunks: Uint8Array[]) {
  const state = { pulled: 0 };
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        const chunk = chunks[state.pulled];
        if (chunk === undefined) return controller.close();
        state.pulled += 1;
        controller.enqueue(chunk);
      },
    },
    { highWaterMark: 0 },
  );
  return { state, request: new Request("http://localhost/", { method: "POST", body }) };
}

test("JSON passes in the spellings of its type that mean UTF-8", () => {
  for (const type of ["application/json", "Application/JSON; charset=UTF-8", "application/json;"])
    expect(checked({ "content-type": type, "content-length": "2" })).toBe("accepted");
});

test("what a form of another site could send, and what is encoded, is refused", () => {
  const types = ["text/plain", "multipart/form-data; boundary=x", "application/jsonp", ""];
  for (const type of [...types, "application/json; charset=utf-16", "text/plain, application/json"])
    expect(checked({ "content-type": type, "content-length": "2" })).toBe("unsupported_media_type");
  const gzip = { ...JSON_TYPE, "content-length": "2", "content-encoding": "gzip" };
  expect(checked(gzip)).toBe("unsupported_media_type");
  expect(checked({ "transfer-encoding": "chunked" })).toBe("unsupported_media_type");
});

test("no body needs no type", () => {
  expect([checked({}), checked({ "content-length": "0" }), checked({}, "GET")]).toEqual(
    Array<string>(3).fill("accepted"),
  );
});

test("one byte over the limit is refused by its declared length", () => {
  expect(checked({ ...JSON_TYPE, "content-length": `${LIMIT}` })).toBe("accepted");
  expect(checked({ ...JSON_TYPE, "content-length": `${LIMIT + 1}` })).toBe("payload_too_large");
});

test("a body of undeclared length is read no further than the limit", async () => {
  const { request, state } = stream(Array<Uint8Array>(64).fill(new Uint8Array(LIMIT / 4)));
  const outcome = await readJsonBody(request).catch((error: unknown) => error);
  expect(outcome instanceof AppError ? outcome.kind.code : outcome).toBe("payload_too_large");
  expect(state.pulled).toBeLessThan(8);
});

test("a body in pieces is put together, even inside a letter, and comes out composed", async () => {
  const bytes = new TextEncoder().encode(JSON.stringify({ name: "Nguyễn".normalize("NFD") }));
  const { request } = stream(Array.from(bytes, (byte) => Uint8Array.of(byte)));
  expect(await readJsonBody(request)).toEqual({ name: "Nguyễn" });
});

test("an empty body is none, and neither half JSON nor broken UTF-8 is taken", async () => {
  expect(await readJsonBody(stream([]).request)).toBeNull();
  for (const bytes of [Uint8Array.of(0x7b), Uint8Array.of(0x22, 0xff, 0x22)])
    expect(await readJsonBody(stream([bytes]).request).catch((e: unknown) => e)).toBeInstanceOf(
      SyntaxError,
    );
});
