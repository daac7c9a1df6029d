"use server";

import type { ClientErrorCode } from "@frm-ai/client";

import { serverApi } from "../../server/api.ts";
import { fieldOf } from "../field.ts";

interface Asked {
  /** Why it could not be asked for; nothing where it was. */
  code?: ClientErrorCode;
  email: string;
}

/** Asks for the mail. The answer is the same whether there is such an account or not. */
export async function askForReset(_before: Asked | undefined, form: FormData): Promise<Asked> {
  const api = await serverApi();
  const email = fieldOf(form, "email");
  const { error } = await api.v1.account.password.forgotten.post({ email });
  return error ? { code: error.value.code, email } : { email };
}
