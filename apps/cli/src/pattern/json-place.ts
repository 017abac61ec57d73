/** Where a value stands in JSON text, 1-based; 0 and 0 if the path leads nowhere. The text is known to be JSON. */
export function placeOf(text: string, path: readonly (string | number)[]): { line: number; column: number } {
  const offset = offsetOf(text, path);
  if (offset === null) return { line: 0, column: 0 };
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function offsetOf(text: string, path: readonly (string | number)[]): number | null {
  let at = skipSpace(text, 0);
  for (const wanted of path) {
    const next = text[at] === "{" ? memberOf(text, at, String(wanted)) : elementOf(text, at, Number(wanted));
    if (next === null) return at;
    at = next;
  }
  return at < text.length ? at : null;
}

function memberOf(text: string, open: number, wanted: string): number | null {
  let at = skipSpace(text, open + 1);
  while (text[at] === '"') {
    const end = skipString(text, at);
    const value = skipSpace(text, skipSpace(text, end) + 1);
    if (JSON.parse(text.slice(at, end)) === wanted) return value;
    at = skipSpace(text, skipValue(text, value));
    if (text[at] !== ",") return null;
    at = skipSpace(text, at + 1);
  }
  return null;
}

function elementOf(text: string, open: number, wanted: number): number | null {
  if (text[open] !== "[") return null;
  let at = skipSpace(text, open + 1);
  for (let index = 0; text[at] !== "]" && at < text.length; index += 1) {
    if (index === wanted) return at;
    at = skipSpace(text, skipValue(text, at));
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return null;
}

function skipValue(text: string, from: number): number {
  let at = from;
  let depth = 0;
  do {
    const char = text[at];
    if (char === '"') {
      at = skipString(text, at);
      continue;
    }
    if (char === "{" || char === "[") depth += 1;
    if (char === "}" || char === "]") {
      if (depth === 0) return at;
      depth -= 1;
    }
    if (char === "," && depth === 0) return at;
    at += 1;
  } while (at < text.length && !(depth === 0 && isEnd(text[at])));
  return at;
}

function isEnd(char: string | undefined): boolean {
  return char === "," || char === "}" || char === "]" || char === undefined;
}

function skipString(text: string, open: number): number {
  let at = open + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (/\s/.test(text[at] ?? "")) at += 1;
  return at;
}
