import { type Api, type ClientErrorCode, createApi } from "@frm-ai/client";

/** What became of a mailed link: what it did, or the code of the refusal. */
export type Outcome<Done extends string> = { done: Done } | { code: ClientErrorCode };

/** The API as nobody: whoever opens a mailed link need not be signed in, and may be signed in as somebody else. */
function asNobody(): Api {
  return createApi(location.origin);
}

export async function confirmAddress(token: string): Promise<Outcome<"confirmed">> {
  const { error } = await asNobody().v1.account.email.verification.confirm.post({ token });
  return error ? { code: error.value.code } : { done: "confirmed" };
}

/** Agrees to another address; the account moves when both addresses have. */
export async function agreeToMove(token: string): Promise<Outcome<"moved" | "waiting">> {
  const { data, error } = await asNobody().v1.account.email.confirm.post({ token });
  if (error) return { code: error.value.code };
  return { done: data.changed ? "moved" : "waiting" };
}

export async function setPassword(token: string, password: string): Promise<Outcome<"set">> {
  const { error } = await asNobody().v1.account.password.reset.post({ token, password });
  return error ? { code: error.value.code } : { done: "set" };
}
