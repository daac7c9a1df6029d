"use server";

import type { ClientErrorCode } from "@frm-ai/client";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";

import { serverApi } from "../../server/api.ts";
import { dropTokens, keepTokens } from "../../server/session.ts";
import { fieldOf } from "../field.ts";

/** Why somebody was not let in. */
interface Refused {
  code: ClientErrorCode;
  /** What was typed, which the form keeps. */
  email: string;
}

export async function signIn(_before: Refused | undefined, form: FormData): Promise<Refused> {
  const api = await serverApi();
  const email = fieldOf(form, "email");
  const { data, error } = await api.v1.auth.login.post({
    email,
    password: fieldOf(form, "password"),
    transport: "body",
  });
  if (error) return { code: error.value.code, email };
  keepTokens(await cookies(), data);
  redirect("/conversations");
}

/** Ends the session on every instance; the cookies go even where the API is away. */
export async function signOut(): Promise<never> {
  const api = await serverApi();
  await api.v1.auth.logout.post();
  dropTokens(await cookies());
  redirect("/sign-in");
}
