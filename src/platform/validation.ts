import { type ValueError, ValueErrorType } from "@sinclair/typebox/errors";

import type { FieldError, Text } from "./errors.ts";

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
    const key = `${pointer} ${code}`;
    // A missing field is also of the wrong type; the first complaint about a place is the useful one.
    if (![...found.values()].some((other) => other.pointer === pointer && code === "type"))
      found.set(key, { pointer, code, message });
    if (found.size >= MAX_ERRORS) break;
  }
  return [...found.values()];
}

/** An unknown field's name is the caller's own text. */
function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function explainOne(error: ValueError): Explanation {
  const { schema } = error;
  switch (error.type) {
    case ValueErrorType.ObjectRequiredProperty:
      return { code: "required", message: { en: "is required", vi: "là bắt buộc" } };
    case ValueErrorType.ObjectAdditionalProperties:
      return {
        code: "unknown",
        message: { en: "has a field that is not known here", vi: "có trường không được hỗ trợ" },
      };
    case ValueErrorType.StringMinLength:
      return atLeast(
        "too_short",
        `${schema["minLength"]} characters`,
        `${schema["minLength"]} ký tự`,
      );
    case ValueErrorType.StringMaxLength:
      return atMost(
        "too_long",
        `${schema["maxLength"]} characters`,
        `${schema["maxLength"]} ký tự`,
      );
    case ValueErrorType.ArrayMinItems:
      return atLeast("too_few", `${schema["minItems"]} items`, `${schema["minItems"]} phần tử`);
    case ValueErrorType.ArrayMaxItems:
      return atMost("too_many", `${schema["maxItems"]} items`, `${schema["maxItems"]} phần tử`);
    case ValueErrorType.ArrayUniqueItems:
      return {
        code: "repeated",
        message: { en: "has repeated items", vi: "có phần tử trùng lặp" },
      };
    case ValueErrorType.NumberMinimum:
    case ValueErrorType.IntegerMinimum:
      return atLeast("too_small", `${schema["minimum"]}`, `${schema["minimum"]}`);
    case ValueErrorType.NumberMaximum:
    case ValueErrorType.IntegerMaximum:
      return atMost("too_large", `${schema["maximum"]}`, `${schema["maximum"]}`);
    case ValueErrorType.StringFormat:
    case ValueErrorType.StringPattern:
      return { code: "format", message: { en: "has the wrong format", vi: "sai định dạng" } };
    case ValueErrorType.Literal:
    case ValueErrorType.Union:
      return {
        code: "choice",
        message: {
          en: "is none of the allowed values",
          vi: "không nằm trong các giá trị cho phép",
        },
      };
    default:
      return { code: "type", message: { en: "has the wrong type", vi: "sai kiểu dữ liệu" } };
  }
}

function atLeast(code: string, en: string, vi: string): Explanation {
  return { code, message: { en: `must be at least ${en}`, vi: `tối thiểu ${vi}` } };
}

function atMost(code: string, en: string, vi: string): Explanation {
  return { code, message: { en: `must be at most ${en}`, vi: `tối đa ${vi}` } };
}
