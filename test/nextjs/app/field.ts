/** The text of a field of a form; a field that is missing, or a file, counts as empty. */
export function fieldOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}
