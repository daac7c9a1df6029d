/** A table of Markdown; the formatter aligns it. */
export function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map(escapeCell).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** A bar would end the cell, and a bracket would begin a tag, but not inside of code. */
function escapeCell(text: string): string {
  const bars = text.replaceAll("\n", " ").replaceAll("|", "\\|");
  return bars.replace(/(`+).*?\1|</g, (found) => (found === "<" ? "\\<" : found));
}

/** Text as code. */
export function code(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}
