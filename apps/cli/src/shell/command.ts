/** The last line of standard output: one JSON object, part of the public surface (docs/reference/commands). */
export interface CommandLine {
  schema: string;
  ok: boolean;
  [field: string]: unknown;
}

/** 0 true · 1 judged false · 2 bad usage or unreadable input · 3 cannot be judged here. */
export type ExitCode = 0 | 1 | 2 | 3;

export interface CommandResult {
  exit: ExitCode;
  line: CommandLine;
}

/** What a command may touch of its process; tests pass their own. */
export interface CommandIo {
  /** One sentence for people, on standard error. */
  say(sentence: string): void;
  now(): Date;
  signal: AbortSignal;
}

export interface Command {
  /** As typed after `tms`, at most two words. */
  name: string;
  usage: string;
  /** `schema` of its last line, for a failure before it could make one. */
  schema: string;
  run(argv: string[], io: CommandIo): Promise<CommandResult>;
}
