// Text from endpoints made safe to show: what would act, hide or reorder is shown as what it is.
// Controls (newlines and ANSI's escape too), bidirectional and other invisible format characters, private use and lone
// surrogates become `⟨U+202E⟩`; nothing is dropped, so two different names never look alike.

/** Cc, Cf (bidi, zero width), Co, Cs, line and paragraph separators. Unassigned ones have no glyph either. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\u2028\u2029]/gu;

export function visibleText(text: string): string {
  return text.replace(INVISIBLE, (found) => visibleCodePoint(found.codePointAt(0) ?? 0));
}

export function visibleCodePoint(codePoint: number): string {
  return `⟨U+${codePoint.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/** The same for every string inside a value; keys are ours. */
export function visibleDeep<T>(value: T): T {
  if (typeof value === "string") return visibleText(value) as T;
  if (Array.isArray(value)) return value.map(visibleDeep) as T;
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, visibleDeep(inner)])) as T;
  }
  return value;
}
