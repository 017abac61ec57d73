import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** Relative links and images of a Markdown page that lead nowhere, one line each. */
export function deadLinksOf(root: string, page: string, text: string): string[] {
  const withoutCode = text.replace(/```[\s\S]*?```/g, "").replace(/`[^`\n]*`/g, "");
  const links = [...withoutCode.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
  return links
    .filter((link) => !/^([a-z]+:|#)/.test(link))
    .filter((link) => !existsSync(join(root, normalize(join(dirname(page), link.replace(/#.*$/, ""))))))
    .map((link) => `${page}: ${link} leads nowhere`);
}
