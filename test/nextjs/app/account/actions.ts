"use server";

import type { ClientErrorCode } from "@frm-ai/client";

import { serverApi } from "../../server/api.ts";
import { fieldOf } from "../field.ts";

interface Asked {
  code?: ClientErrorCode;
  email: string;
}

/** Asks both addresses, after the password: an unlocked device in other hands must not be enough. */
export async function askForMove(_before: Asked | undefined, form: FormData): Promise<Asked> {
  const api = await serverApi();
  const email = fieldOf(form, "email");
  const proof = await api.v1.auth.reauthenticate.post({ password: fieldOf(form, "password") });
  if (proof.error) return { code: proof.error.value.code, email };
  const { error } = await api.v1.account.email.post({ email });
  return error ? { code: error.value.code, email } : { email };
}
