// Text from outside may try to change what a reader sees: controls move cursors, bidirectional controls turn file
// names round, invisible characters make two names look the same. Each becomes a visible escape (design, section 6).

/** Controls, format characters, surrogates on their own, private use, line and paragraph separators, odd spaces. */
const UNSAFE =
  /\u034F|[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u00A0\u115F\u1160\u17B4\u17B5\u2000-\u200A\u202F\u205F\u3000\u3164\uFFA0\uFFFD]/u;

export interface ForeignPiece {
  text: string;
  escaped: boolean;
}

/** Cuts foreign text into plain pieces and visible escapes; the pieces together name every code point. */
export function escapeForeign(text: string): ForeignPiece[] {
  const pieces: ForeignPiece[] = [];
  let plain = "";
  for (const character of text) {
    if (!UNSAFE.test(character)) {
      plain += character;
      continue;
    }
    if (plain !== "") pieces.push({ text: plain, escaped: false });
    plain = "";
    pieces.push({ text: escapeOf(character), escaped: true });
  }
  if (plain !== "") pieces.push({ text: plain, escaped: false });
  return pieces;
}

/** The same as one string, for attributes and names that only hold text. */
export function escapeForeignText(text: string): string {
  return escapeForeign(text)
    .map((piece) => piece.text)
    .join("");
}

function escapeOf(character: string): string {
  switch (character) {
    case "\n":
      return "\\n";
    case "\r":
      return "\\r";
    case "\t":
      return "\\t";
    default:
      return `\\u{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`;
  }
}
