import { parseArgs } from "node:util";
import { AppError } from "@tms/records";

export interface OptionShape {
  type: "string" | "boolean";
  multiple?: boolean;
}

export interface ReadArguments {
  positionals: string[];
  /** @throws {AppError} `cli.usage` if it was not given. */
  need(name: string): string;
  text(name: string): string | undefined;
  list(name: string): string[];
  has(name: string): boolean;
}

/** Reads options strictly: an unknown option is an error, never ignored. */
export function readArguments(argv: string[], options: Record<string, OptionShape>): ReadArguments {
  const { values, positionals } = parse(argv, options);
  const textsOf = (name: string): string[] => {
    const value = values[name];
    const list = Array.isArray(value) ? value : [value];
    return list.filter((item) => typeof item === "string");
  };
  return {
    positionals,
    need(name) {
      const [value] = textsOf(name);
      if (value === undefined || value === "") throw new AppError("cli.usage", { missing: `--${name}` });
      return value;
    },
    text: (name) => textsOf(name)[0],
    list: textsOf,
    has: (name) => values[name] === true,
  };
}

function parse(argv: string[], options: Record<string, OptionShape>) {
  try {
    return parseArgs({ args: argv, options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new AppError("cli.usage", { reason: error instanceof Error ? error.message : "" }, { cause: error });
  }
}

/** Exactly one positional argument. */
export function onlyPositional(args: ReadArguments, what: string): string {
  const [first, ...more] = args.positionals;
  if (first === undefined || more.length > 0) throw new AppError("cli.usage", { expected: what });
  return first;
}

/** Which of the two servers a command is for, by its configuration. @throws {AppError} `cli.usage` */
export function serverOf(args: ReadArguments): { server: "portal" | "mitigator"; file: string } {
  const [portal, mitigator] = [args.text("portal"), args.text("mitigator")];
  if (portal !== undefined && mitigator === undefined) return { server: "portal", file: portal };
  if (mitigator !== undefined && portal === undefined) return { server: "mitigator", file: mitigator };
  throw new AppError("cli.usage", { expected: "one of --portal FILE and --mitigator FILE" });
}
