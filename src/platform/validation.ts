import type { TSchema } from "@sinclair/typebox";
import { type ValueError, ValueErrorType } from "@sinclair/typebox/errors";

import type { FieldError, Text } from "./errors.ts";
import { countCharacters, parseInteger } from "./text.ts";

/** More errors than this help nobody, and a hostile body could have thousands. */
const MAX_ERRORS = 10;

interface Explanation {
  code: string;
  message: Text;
}

/** A validator that can say what is wrong; TypeBox's compiled checks are such. */
export interface Explainer {
  Errors(value: unknown): Iterable<ValueError>;
}

/** What is wrong with the value, field by field, without repeating any of it. */
export function explain(validator: Explainer, value: unknown): FieldError[] {
  const found = new Map<string, FieldError>();
  for (const error of validator.Errors(value)) {
    const { code, message } = explainOne(error);
    const pointer = code === "unknown" ? parentOf(error.path) : error.path;
    // A missing field is also of the wrong type; the first complaint about a place is the useful one.
    if (!found.has(pointer)) found.set(pointer, { pointer, code, message });
    if (found.size >= MAX_ERRORS) break;
  }
  return [...found.values()];
}

/** An unknown field's name is the caller's own text. */
function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

const WRONG_TYPE: Explanation = {
  code: "type",
  message: { en: "has the wrong type", vi: "sai kiểu dữ liệu" },
};
const NO_CHOICE: Explanation = {
  code: "choice",
  message: { en: "is none of the allowed values", vi: "không nằm trong các giá trị cho phép" },
};
const WRONG_FORMAT: Explanation = {
  code: "format",
  message: { en: "has the wrong format", vi: "sai định dạng" },
};

const EXPLANATIONS = new Map<ValueErrorType, (schema: TSchema, value: unknown) => Explanation>([
  [
    ValueErrorType.ObjectRequiredProperty,
    () => ({ code: "required", message: { en: "is required", vi: "là bắt buộc" } }),
  ],
  [
    ValueErrorType.ObjectAdditionalProperties,
    () => ({
      code: "unknown",
      message: { en: "has a field that is not known here", vi: "có trường không được hỗ trợ" },
    }),
  ],
  [ValueErrorType.StringMinLength, tooShort],
  [ValueErrorType.StringMaxLength, tooLong],
  [
    ValueErrorType.ArrayMaxItems,
    ({ maxItems }) => atMost("too_many", `${maxItems} items`, `${maxItems} phần tử`),
  ],
  [
    ValueErrorType.ArrayUniqueItems,
    () => ({ code: "repeated", message: { en: "has repeated items", vi: "có phần tử trùng lặp" } }),
  ],
  [ValueErrorType.NumberMinimum, ({ minimum }) => atLeast("too_small", `${minimum}`, `${minimum}`)],
  [
    ValueErrorType.IntegerMinimum,
    ({ minimum }) => atLeast("too_small", `${minimum}`, `${minimum}`),
  ],
  [ValueErrorType.NumberMaximum, ({ maximum }) => atMost("too_large", `${maximum}`, `${maximum}`)],
  [ValueErrorType.IntegerMaximum, ({ maximum }) => atMost("too_large", `${maximum}`, `${maximum}`)],
  [ValueErrorType.StringFormat, () => WRONG_FORMAT],
  [ValueErrorType.StringPattern, () => WRONG_FORMAT],
  [ValueErrorType.Literal, () => NO_CHOICE],
  [ValueErrorType.Union, () => NO_CHOICE],
  [ValueErrorType.Kind, explainKind],
]);

function explainOne(error: ValueError): Explanation {
  return EXPLANATIONS.get(error.type)?.(error.schema, error.value) ?? WRONG_TYPE;
}

/** TypeBox knows nothing of a kind of our own but that it was refused. */
function explainKind(schema: TSchema, value: unknown): Explanation {
  const { type, minimum, maximum, minLength } = schema;
  if (type === "string" && typeof value === "string")
    return countCharacters(value) < Number(minLength) ? tooShort(schema) : tooLong(schema);
  const number = type === "integer" ? parseInteger(String(value)) : undefined;
  if (number === undefined) return WRONG_TYPE;
  return number < Number(minimum)
    ? atLeast("too_small", `${minimum}`, `${minimum}`)
    : atMost("too_large", `${maximum}`, `${maximum}`);
}

function tooShort({ minLength }: TSchema): Explanation {
  return atLeast("too_short", `${minLength} characters`, `${minLength} ký tự`);
}

function tooLong({ maxLength }: TSchema): Explanation {
  return atMost("too_long", `${maxLength} characters`, `${maxLength} ký tự`);
}

function atLeast(code: string, en: string, vi: string): Explanation {
  return { code, message: { en: `must be at least ${en}`, vi: `tối thiểu ${vi}` } };
}

function atMost(code: string, en: string, vi: string): Explanation {
  return { code, message: { en: `must be at most ${en}`, vi: `tối đa ${vi}` } };
}
