// Query parameters: from the text form of the HTTP interface to the values that chDB binds.
// The HTTP client escapes like TSV; chDB's binding escapes what it is given, so a text must be unescaped first, and an
// array (whose literal holds escapes of its own) must be taken apart. A value never enters the SQL text.

export type ParameterValue = string | bigint | number | boolean | null | ParameterValue[];

/**
 * Reads one `param_…` of a request.
 *
 * @param declaredType The type between the braces of `{name:Type}`; arrays are told by it.
 * @throws {SyntaxError} for an array literal that is none.
 */
export function readParameter(text: string, declaredType: string): ParameterValue {
  if (text === "\\N") return null;
  if (/^\s*Array\s*\(/i.test(declaredType)) return readArray(text);
  return unescapeTsv(text);
}

/** The declared types of the parameters of a statement: `{customer:UUID}` gives customer → UUID. */
export function declaredTypes(sql: string): Map<string, string> {
  const types = new Map<string, string>();
  for (const found of sql.matchAll(/\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*:\s*([^{}]+?)\s*\}/g)) {
    if (found[1] !== undefined && found[2] !== undefined) types.set(found[1], found[2]);
  }
  return types;
}

const ESCAPES: Record<string, string> = { b: "\b", f: "\f", r: "\r", n: "\n", t: "\t", "0": "\0" };

function unescapeTsv(text: string): string {
  return text.replace(/\\([\s\S])/g, (_, letter: string) => ESCAPES[letter] ?? letter);
}

/** Depth of nested arrays; ours are flat. */
const MOST_DEPTH = 4;

function readArray(text: string): ParameterValue[] {
  const reader = { at: 0 };
  const value = readValue(text, reader, 0);
  if (!Array.isArray(value) || text.slice(reader.at).trim() !== "") throw new SyntaxError("not an array literal");
  return value;
}

function readValue(text: string, reader: { at: number }, depth: number): ParameterValue {
  skipSpace(text, reader);
  const letter = text[reader.at];
  if (letter === "[") return readElements(text, reader, depth);
  if (letter === "'") return readQuoted(text, reader);
  const bare = /^[^,\]\s]+/.exec(text.slice(reader.at))?.[0];
  if (bare === undefined) throw new SyntaxError("a value is missing in an array literal");
  reader.at += bare.length;
  return plainValue(bare);
}

/** What stands without quotes in a literal must stand without them again, else the engine reads no number. */
function plainValue(bare: string): ParameterValue {
  const word = bare.toUpperCase();
  if (word === "NULL") return null;
  if (word === "TRUE" || word === "FALSE") return word === "TRUE";
  if (/^-?\d{1,78}$/.test(bare)) return BigInt(bare);
  const number = Number(bare);
  if (!Number.isFinite(number)) throw new SyntaxError("an element of an array literal is neither quoted nor a number");
  return number;
}

function readElements(text: string, reader: { at: number }, depth: number): ParameterValue[] {
  if (depth >= MOST_DEPTH) throw new SyntaxError("an array literal is nested too deep");
  const values: ParameterValue[] = [];
  reader.at += 1;
  skipSpace(text, reader);
  if (text[reader.at] === "]") {
    reader.at += 1;
    return values;
  }
  for (;;) {
    values.push(readValue(text, reader, depth + 1));
    skipSpace(text, reader);
    const next = text[reader.at];
    reader.at += 1;
    if (next === "]") return values;
    if (next !== ",") throw new SyntaxError("an array literal does not end");
  }
}

function readQuoted(text: string, reader: { at: number }): string {
  const found = /^'((?:[^'\\]|\\[\s\S])*)'/.exec(text.slice(reader.at));
  if (found?.[1] === undefined) throw new SyntaxError("a quoted value does not end");
  reader.at += found[0].length;
  return unescapeTsv(found[1]);
}

function skipSpace(text: string, reader: { at: number }): void {
  while (/\s/.test(text[reader.at] ?? "")) reader.at += 1;
}
