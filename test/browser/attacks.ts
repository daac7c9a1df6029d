/*
 * What a page that is not ours can send to an address in the name of whoever visits it. Each is a script for that page;
 * those that fetch resolve when the browser is done with the answer.
 */

/** Writes the script of an attack on an address. */
export type Attack = (url: string) => string;

/** A form that sends itself; without a name it has nothing in it. */
export function form(enctype: string, name?: string, value = ""): Attack {
  return (url) => `(() => {
    const form = document.createElement("form");
    Object.assign(form, ${JSON.stringify({ method: "post", action: url, enctype })});
    const field = Object.assign(document.createElement("input"), ${JSON.stringify({ name, value })});
    if (field.name) form.append(field);
    document.body.append(form);
    form.submit();
  })()`;
}

/** A call by script, with the cookies of the address. @param init more of what `fetch` takes, as its source. */
export function fetching(init = ""): Attack {
  return (
    url,
  ) => `fetch(${JSON.stringify(url)}, { method: "POST", credentials: "include", ${init} })
    .then(() => "answered", () => "failed")`;
}

export const FORM = "application/x-www-form-urlencoded";
export const TEXT = "text/plain";
export const MULTIPART = "multipart/form-data";
