import {
  AppError,
  type FieldError,
  type Text,
  ValidationFailed,
} from "../../../platform/errors.ts";
import { estimateGuessBits, fold } from "./guessing.ts";
import { normalizePassword } from "./passwords.ts";

const MIN_CHARACTERS = 8;
const MAX_CHARACTERS = 128;
/** What is among about the first four million guesses is refused: throttles do not keep those away for ever. */
const MIN_GUESS_BITS = 22;
/** Shorter parts of a name or an address turn up inside of good passwords by chance. */
const MIN_OWN_WORD = 3;
const PRODUCT_WORDS = ["frmai", "frm-ai", "frm"];

/** Whose password it is to be, and where in the input it stands. */
interface PasswordOwner {
  email: string;
  displayName: string;
  /** A JSON Pointer; `/password` where it is not said. */
  pointer?: string;
}

const MESSAGES = {
  too_short: {
    en: `must be at least ${MIN_CHARACTERS} characters`,
    vi: `tối thiểu ${MIN_CHARACTERS} ký tự`,
  },
  too_long: {
    en: `must be at most ${MAX_CHARACTERS} characters`,
    vi: `tối đa ${MAX_CHARACTERS} ký tự`,
  },
  too_common: {
    en: "is among those that are guessed first; a few words that do not belong together are better",
    vi: "quá phổ biến hoặc dễ đoán; hãy ghép vài từ không liên quan đến nhau",
  },
} satisfies Record<string, Text>;

/**
 * Whether a new password may be taken: its length in characters of Unicode, not in what JavaScript counts, and that
 * nobody guesses it soon. There are no rules of composition.
 * @throws AppError validation_failed, which never repeats the password.
 */
export function assertPasswordFits(password: string, owner: PasswordOwner): void {
  const code = findFault(normalizePassword(password), owner);
  if (code === undefined) return;
  const field: FieldError = {
    pointer: owner.pointer ?? "/password",
    code,
    message: MESSAGES[code],
  };
  throw new AppError(ValidationFailed, `Cannot take the password: ${code}`, { errors: [field] });
}

function findFault(password: string, owner: PasswordOwner): keyof typeof MESSAGES | undefined {
  const { length } = Array.from(password);
  if (length < MIN_CHARACTERS) return "too_short";
  if (length > MAX_CHARACTERS) return "too_long";
  return estimateGuessBits(password, ownWords(owner)) < MIN_GUESS_BITS ? "too_common" : undefined;
}

/** The words that somebody tries first who knows whose account it is, and of which product. */
function ownWords({ email, displayName }: PasswordOwner): string[] {
  const [local = "", domain = ""] = email.split("@");
  const words = [email, local, domain, displayName].flatMap((text) => [
    fold(text),
    ...text.split(/[^\p{L}\p{M}\p{N}]+|(?<=\p{L})(?=\p{N})/u).map(fold),
  ]);
  return [...new Set([...PRODUCT_WORDS, ...words])].filter((word) => word.length >= MIN_OWN_WORD);
}
