// Names on Linux are bytes: they need not be UTF-8 and may hold newlines, terminal escapes and bidirectional marks.
// I1  Two names have the same text only if they are the same bytes (the backslash itself is escaped too).
// I2  The text holds no control, format, private-use or unassigned character: safe on a screen, in a log, in a report.

/** Longer text is cut with a mark by `shortText`; the contracts' bound is 8,192. */
const MAX_SHOWN = 4096;
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/u;

/** Shows the bytes of a name as text that can be shown anywhere and turned back by `pathBytes`. */
export function pathText(bytes: Uint8Array): string {
  let text = "";
  let index = 0;
  while (index < bytes.length) {
    const length = sequenceLength(bytes, index);
    if (length === 0) {
      text += hex(bytes[index] ?? 0);
      index += 1;
      continue;
    }
    const character = Buffer.from(bytes.buffer, bytes.byteOffset + index, length).toString("utf8");
    text += shown(character);
    index += length;
  }
  return text;
}

/** Turns what `pathText` made back into the bytes. Text that it cannot have made is taken as it stands. */
export function pathBytes(text: string): Buffer {
  const parts: Buffer[] = [];
  let index = 0;
  while (index < text.length) {
    const found = /^\\(?:\\|x([0-9a-f]{2})|u\{([0-9a-f]{1,6})\})/.exec(text.slice(index, index + 12));
    if (found === null) {
      const character = String.fromCodePoint(text.codePointAt(index) ?? 0);
      parts.push(Buffer.from(character, "utf8"));
      index += character.length;
      continue;
    }
    const [whole, byte, point] = found;
    if (byte !== undefined) parts.push(Buffer.from([Number.parseInt(byte, 16)]));
    else if (point === undefined) parts.push(Buffer.from("\\"));
    else parts.push(Buffer.from(safeCodePoint(Number.parseInt(point, 16)), "utf8"));
    index += whole.length;
  }
  return Buffer.concat(parts);
}

/** Cuts long text visibly; identity is taken from the whole text before this. */
export function shortText(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}… (${text.length} characters)`;
}

function shown(character: string): string {
  if (character === "\\") return "\\\\";
  if (!UNSAFE.test(character)) return character;
  const point = character.codePointAt(0) ?? 0;
  return point < 0x80 ? hex(point) : `\\u{${point.toString(16)}}`;
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

function safeCodePoint(point: number): string {
  const isScalar = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  return String.fromCodePoint(isScalar ? point : 0xfffd);
}

/** Length of the valid UTF-8 sequence at `index`, 0 if there is none (overlong forms and surrogates are none). */
function sequenceLength(bytes: Uint8Array, index: number): number {
  const first = bytes[index] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : 0;
  const wanted = length === 0 && first >= 0xf0 && first <= 0xf4 ? 4 : length;
  if (wanted === 0 || index + wanted > bytes.length) return 0;
  for (let at = 1; at < wanted; at += 1) {
    const next = bytes[index + at] ?? 0;
    if (next < 0x80 || next > 0xbf) return 0;
  }
  const second = bytes[index + 1] ?? 0;
  if (first === 0xe0 && second < 0xa0) return 0;
  if (first === 0xed && second > 0x9f) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  if (first === 0xf4 && second > 0x8f) return 0;
  return wanted;
}
