/** The languages in which every message for a person exists. */
const LOCALES = ["vi", "en"] as const;
export type Locale = (typeof LOCALES)[number];

/** One sentence in every language. */
export type Text = Record<Locale, string>;

/** One row of the error catalogue: a stable code, the HTTP status that carries it, and its title. */
export interface ErrorKind<Code extends string = string, Status extends number = number> {
  readonly code: Code;
  readonly status: Status;
  readonly title: Text;
}

const catalogue = new Map<string, ErrorKind>();

/**
 * Declares an error that clients may meet. The code is the contract: it never changes and is unique in the product.
 * @throws when the code is taken, because two meanings of one code cannot be told apart by a client.
 */
export function defineError<const Code extends string, const Status extends number>(
  code: Code,
  status: Status,
  title: Text,
): ErrorKind<Code, Status> {
  if (catalogue.has(code)) throw new Error(`Cannot define error "${code}": it is already defined`);
  const kind = { code, status, title };
  catalogue.set(code, kind);
  return kind;
}

/** Every declared error, in the order of declaration. */
export function listErrors(): ErrorKind[] {
  return [...catalogue.values()];
}

/** A field of the input that is wrong; `pointer` is a JSON Pointer into what was sent. */
export interface FieldError {
  pointer: string;
  code: string;
  message: Text;
}

/** What an AppError may tell the caller beside its kind. Values that the caller sent never belong here. */
export interface ErrorExtras {
  detail?: Text;
  errors?: FieldError[];
  headers?: Record<string, string>;
  /** How long to wait before another try, where the seconds of Retry-After are too coarse. */
  afterMs?: number;
  cause?: unknown;
}

/** An expected failure with an answer of its own; everything else that is thrown is a bug and answers 500. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly kind: ErrorKind;
  readonly extras: ErrorExtras;

  constructor(kind: ErrorKind, message: string, extras: ErrorExtras = {}) {
    super(message, { cause: extras.cause });
    this.kind = kind;
    this.extras = extras;
  }
}

/** A start that cannot go on; its message is one line for the operator. */
export class StartError extends Error {
  override readonly name = "StartError";
}

export const MalformedBody = defineError("malformed_json", 400, {
  en: "The body is not valid JSON",
  vi: "Nội dung gửi lên không phải JSON hợp lệ",
});
export const InvalidCursor = defineError("invalid_cursor", 400, {
  en: "The cursor is not one that this list has given out",
  vi: "Con trỏ phân trang không hợp lệ",
});
export const Unauthenticated = defineError("unauthenticated", 401, {
  en: "Sign in first",
  vi: "Vui lòng đăng nhập",
});
export const TokenExpired = defineError("token_expired", 401, {
  en: "The access token has expired",
  vi: "Mã truy cập đã hết hạn",
});
export const TokenInvalid = defineError("token_invalid", 401, {
  en: "The access token is not valid",
  vi: "Mã truy cập không hợp lệ",
});
export const SessionRevoked = defineError("session_revoked", 401, {
  en: "The session has ended",
  vi: "Phiên đăng nhập đã kết thúc",
});
export const Forbidden = defineError("forbidden", 403, {
  en: "You may not do this",
  vi: "Bạn không có quyền thực hiện thao tác này",
});
export const OriginNotAllowed = defineError("origin_not_allowed", 403, {
  en: "This origin may not call this endpoint",
  vi: "Nguồn gọi không được phép",
});
export const CsrfRejected = defineError("csrf_rejected", 403, {
  en: "A call with a cookie needs X-FRM-CSRF: 1 and an allowed origin",
  vi: "Yêu cầu dùng cookie cần X-FRM-CSRF: 1 và nguồn gọi hợp lệ",
});
export const HttpsRequired = defineError("https_required", 403, {
  en: "This endpoint is served over HTTPS only",
  vi: "Chỉ phục vụ qua HTTPS",
});
export const NotFound = defineError("not_found", 404, {
  en: "There is nothing here that you may see",
  vi: "Không tìm thấy nội dung",
});
export const MethodNotAllowed = defineError("method_not_allowed", 405, {
  en: "This path does not answer to this method",
  vi: "Đường dẫn không hỗ trợ phương thức này",
});
export const AlreadyExists = defineError("already_exists", 409, {
  en: "This already exists",
  vi: "Đã tồn tại",
});
export const PayloadTooLarge = defineError("payload_too_large", 413, {
  en: "The body is larger than this endpoint accepts",
  vi: "Nội dung gửi lên quá lớn",
});
export const UnsupportedMediaType = defineError("unsupported_media_type", 415, {
  en: "Send the body as application/json",
  vi: "Hãy gửi nội dung dạng application/json",
});
export const MisdirectedHost = defineError("misdirected_host", 421, {
  en: "This server does not answer for that host",
  vi: "Máy chủ này không phục vụ tên miền đó",
});
export const ValidationFailed = defineError("validation_failed", 422, {
  en: "The request is not valid",
  vi: "Yêu cầu không hợp lệ",
});
export const TooManyAttempts = defineError("too_many_attempts", 429, {
  en: "Too many attempts; wait before the next one",
  vi: "Quá nhiều lần thử, vui lòng đợi trước khi thử lại",
});
export const Internal = defineError("internal", 500, {
  en: "Something went wrong on our side",
  vi: "Đã có lỗi ở phía máy chủ",
});
export const Overloaded = defineError("overloaded", 503, {
  en: "The server is busy; try again shortly",
  vi: "Máy chủ đang bận, vui lòng thử lại sau",
});
export const DependencyUnavailable = defineError("dependency_unavailable", 503, {
  en: "A service that this needs is away; try again shortly",
  vi: "Dịch vụ cần thiết tạm thời gián đoạn, vui lòng thử lại sau",
});
