import { AppError, ValidationFailed } from "../../../platform/errors.ts";
import { isLeakedOften } from "./common_passwords.ts";
import { estimateGuessBits, fold } from "./guessing.ts";

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

const TOO_COMMON = {
  code: "too_common",
  message: {
    en: "is among those that are guessed first; a few words that do not belong together are better",
    vi: "quá phổ biến hoặc dễ đoán; hãy ghép vài từ không liên quan đến nhau",
  },
};

/**
 * Whether nobody guesses a new password soon. There are no rules of composition; how long it may be stands in the
 * schema.
 * @throws AppError validation_failed, which never repeats the password.
 */
export function assertPasswordFits(password: string, owner: PasswordOwner): void {
  const isGuessedLate = estimateGuessBits(password, ownWords(owner)) >= MIN_GUESS_BITS;
  if (isGuessedLate && !isLeakedOften(password)) return;
  const field = { pointer: owner.pointer ?? "/password", ...TOO_COMMON };
  throw new AppError(ValidationFailed, "Cannot take the password: it is too common", {
    errors: [field],
  });
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
