"use server";

import type { ClientErrorCode } from "@frm-ai/client";
import { cookies } from "next/headers";

import { serverApi } from "../../server/api.ts";
import { keepTokens } from "../../server/session.ts";
import { fieldOf } from "../field.ts";

interface Asked {
  code?: ClientErrorCode;
  email: string;
}

/** Asks both addresses, after the password: an unlocked device in other hands must not be enough. */
export async function askForMove(_before: Asked | undefined, form: FormData): Promise<Asked> {
  const api = await serverApi();
  const email = fieldOf(form, "email");
  const password = fieldOf(form, "password");
  const proof = await api.v1.auth.reauthenticate.post({ password, transport: "body" });
  if (proof.error) return { code: proof.error.value.code, email };
  // A proof makes new tokens, and the old ones end when these are used.
  keepTokens(await cookies(), proof.data);
  const { error } = await api.v1.account.email.post({ email });
  return error ? { code: error.value.code, email } : { email };
}
