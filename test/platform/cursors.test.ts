import { expect, test } from "bun:test";

import { createCursors } from "../../src/platform/cursors.ts";
import { AppError } from "../../src/platform/errors.ts";

const old = { kid: "old", secret: new Uint8Array(32).fill(7) };
const newer = { kid: "newer", secret: new Uint8Array(32).fill(8) };
const cursors = createCursors([old]);

test("a cursor gives back the position it was made of", () => {
  const position = ["2026-01-02T03:04:05.000Z", 7];
  expect(cursors.decode("list u1", cursors.encode("list u1", position))).toEqual(position);
});

test("a cursor of another list, user or filter is refused", () => {
  const cursor = cursors.encode("list u1", [1]);
  expect(() => cursors.decode("list u2", cursor)).toThrow(AppError);
  expect(() => createCursors([newer]).decode("list u1", cursor)).toThrow(AppError);
});

test("no flipped bit and no other spelling of a cursor passes", () => {
  const cursor = cursors.encode("list u1", [12, "x"]);
  for (let at = 0; at < cursor.length; at += 1) {
    const other = cursor[at] === "A" ? "B" : "A";
    const forged = cursor.slice(0, at) + other + cursor.slice(at + 1);
    expect(() => cursors.decode("list u1", forged)).toThrow(AppError);
  }
  for (const forged of ["", ".", `${cursor}=`, `${cursor}.x`.replace(".", "..")])
    expect(() => cursors.decode("list u1", forged)).toThrow(AppError);
});

test("after a rotation old cursors go on for as long as their key is listed, and new ones are signed with the newest", () => {
  const rotated = createCursors([newer, old]);
  expect(rotated.decode("list u1", cursors.encode("list u1", [1]))).toEqual([1]);
  const fresh = rotated.encode("list u1", [1]);
  expect(createCursors([newer]).decode("list u1", fresh)).toEqual([1]);
  expect(() => cursors.decode("list u1", fresh)).toThrow(AppError);
});
