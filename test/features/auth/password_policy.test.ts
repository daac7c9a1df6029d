import { expect, test } from "bun:test";

import { dictionary } from "@zxcvbn-ts/language-common";
import fc from "fast-check";

import { assertPasswordFits } from "../../../src/features/auth/mod.ts";
import { COMMON_WORDS } from "../../../src/features/auth/service/common_words.ts";
import { estimateGuessBits, fold } from "../../../src/features/auth/service/guessing.ts";
import { AppError } from "../../../src/platform/errors.ts";

const OWNER = { email: "someone@example.com", displayName: "Someone" };

/** Well known from the yearly lists of the most used passwords; a list and rules are only as good as what they catch. */
const WELL_KNOWN = `
  password password1 password123 passw0rd p@ssw0rd P@ssw0rd1! Passw0rd! p@$$w0rd pass1234 12345678 123456789 1234567890
  0123456789 0987654321 87654321 987654321 11111111 00000000 88888888 12121212 123123123 12341234 11223344 112233445566
  12344321 123454321 111222333 147258369 741852963 789456123 123654789 1029384756 0102030405 1234qwer qwer1234 qwerty123
  qwertyuiop 1q2w3e4r 1q2w3e4r5t q1w2e3r4 1qaz2wsx 1qaz@WSX !QAZ2wsx zaq12wsx qazwsxedc asdfghjkl asdf1234 asdfasdf
  qweasdzxc 123qweasd asdasdasd qweqweqwe zxcvbnm1 abcd1234 abc12345 a1b2c3d4 aa123456 Aa123456 Aa@123456 Abc@1234
  a123456789 123456789a 1234abcd iloveyou iloveyou! sunshine princess football baseball superman batman123 trustno1
  letmein1 welcome1 Welcome@123 admin123 Admin@2024 changeme master123 dragon12 monkey12 michael1 jennifer computer
  internet whatever starwars pokemon1 charlie1 babygirl1 blink182 jordan23 lovelove hunter2hunter2 secret123 test1234
  testtest qwertyqwerty dragon2024 Summer2024! facebook1 samsung1 liverpool1 chelsea1 bitcoin2021 woaini520 5201314520
  matkhau1 matkhau123 Matkhau@123 anhyeuem anhyeuem123 emyeuanh yeuemnhieu vietnam1 Vietnam@123 Hanoi@2024 saigon123
  nguyen123 tuananh123 minhtuan1990 15081990 19900815 08151990 15/08/1990 chungkhoan cophieu123 daututaichinh trader123
`
  .trim()
  .split(/\s+/);

test.each(WELL_KNOWN)("%s is refused as too common", (password) => {
  expect(fault(password)).toEqual({ pointer: "/password", code: "too_common" });
});

test("the 10,000 most used passwords of eight characters and more are refused, in capitals too", () => {
  const used = dictionary["passwords-common"].filter(({ length }) => length >= 8).slice(0, 10_000);
  expect(used).toContain("swordfish");
  expect(used).toHaveLength(10_000);
  const spellings = used.flatMap((password) => [password, password.toUpperCase()]);
  expect(spellings.filter((password) => fault(password)?.code !== "too_common")).toEqual([]);
});

test("every common word is refused with what people put behind it", () => {
  const endings = ["1", "123", "12345678", "!", "@123", "2024", "1990!"];
  const passwords = COMMON_WORDS.flatMap((word) => endings.map((ending) => word + ending)).filter(
    ({ length }) => length >= 8,
  );
  expect(new Set(passwords).size).toBeGreaterThan(5_000);
  expect(passwords.filter((password) => fault(password)?.code !== "too_common")).toEqual([]);
});

test.each([
  "iloveyou",
  "ILOVEYOU",
  "I love you",
  "1L0v3Y0u",
  "ｉｌｏｖｅｙｏｕ",
  "anh yêu em",
  "Mật khẩu",
  "mật khẩu 123",
  "MẬT KHẨU".normalize("NFD"),
  "đầu tư đầu tư",
])("another spelling of a common password is refused too: %s", (password) => {
  expect(fault(password)?.code).toBe("too_common");
});

test.each([
  "correct horse battery",
  "purple-giraffe-toaster",
  "sunflowerteapot",
  "con mèo trèo cây cau",
  "mưa rơi trên mái tôn",
  "tq7#fL2p",
  "kxqvbtzm",
  "92746103",
  "!?%&/()=",
  "北京的秋天很美丽啊",
  "🐙🍋🚲🎻🧊🌵🛶🪁",
])("no rule of composition stands in the way of %s", (password) => {
  expect(fault(password)).toBeUndefined();
});

test.each([
  ["the product", "Frm-AI-2026"],
  ["the product, twice", "frmaifrmai"],
  ["the address", "Quynhchi.Ho@fund.example"],
  ["its local part", "quynhchi.ho1"],
  ["a part of it, backed by a year", "quynhchi1994"],
  ["the host", "fund.example!"],
  ["the name", "Hồ Thị Quỳnh Chi"],
  ["the name without marks", "hothiquynhchi"],
  ["parts of the name and a birthday", "Quỳnh15081994"],
  ["the name in look-alikes", "Quynhch1@1508"],
])("%s is no password of its own user", (_what, password) => {
  const owner = { email: "quynhchi.ho@fund.example", displayName: "Hồ Thị Quỳnh Chi" };
  expect(fault(password, owner)?.code).toBe("too_common");
});

test("what is one user's own word may be another's password", () => {
  expect(fault("quynhchivanphuoc")).toBeUndefined();
  expect(
    fault("quynhchivanphuoc", { email: "a@b.example", displayName: "Quynhchi Vanphuoc" }),
  ).toBeDefined();
});

test("own words inside of a long password take nothing else from it", () => {
  const owner = { email: "battery@horse.example", displayName: "Correct" };
  expect(fault("correct horse battery, and a purple giraffe", owner)).toBeUndefined();
});

test("the fault names the field that it was told, in both languages, and never the password", () => {
  const error = thrown("matkhau123", { ...OWNER, pointer: "/newPassword" });
  expect(error?.kind.code).toBe("validation_failed");
  const [field] = error?.extras.errors ?? [];
  expect([field?.pointer, field?.code]).toEqual(["/newPassword", "too_common"]);
  expect(field?.message.en).not.toBe(field?.message.vi);
  expect(JSON.stringify([error?.message, error?.extras])).not.toContain("matkhau");
});

test("a password of sixteen random characters is always taken", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const random = new Bun.CryptoHasher("sha256").update(bytes);
      return fault(random.digest("hex").slice(0, 16)) === undefined;
    }),
    { seed: 7, numRuns: 200 },
  );
});

test("the estimate is a finite number for any text, the same for all of its forms, and never below none", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 128 }),
      fc.string({ maxLength: 60 }),
      (text, own) => {
        const bits = estimateGuessBits(
          text,
          [fold(own)].filter(({ length }) => length > 2),
        );
        return (
          Number.isFinite(bits) &&
          bits >= 0 &&
          estimateGuessBits(text.normalize("NFD"), []) ===
            estimateGuessBits(text.normalize("NFC"), [])
        );
      },
    ),
    { seed: 11, numRuns: 300 },
  );
});

function thrown(password: string, owner: Parameters<typeof assertPasswordFits>[1] = OWNER) {
  try {
    assertPasswordFits(password, owner);
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

function fault(password: string, owner?: Parameters<typeof assertPasswordFits>[1]) {
  const [field] = thrown(password, owner)?.extras.errors ?? [];
  return field && { pointer: field.pointer, code: field.code };
}
