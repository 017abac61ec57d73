export interface Goal {
  name: string;
  op: ">=" | "<=";
  goal: number;
}

export interface Measured {
  params: Record<string, unknown>;
  samples: number;
  figures: Record<string, number>;
  baseline: Record<string, number>;
  goals: Goal[];
  verified: { sent: number; stored: number; digestEqual: boolean };
  /** What must come out as expected, or the figures mean nothing. */
  controls: { name: string; expected: string; got: string }[];
}

export interface BenchOptions {
  quick: boolean;
  say: (line: string) => void;
  /** `--rounds N`, for a bench that counts in rounds. */
  rounds?: number;
}

export interface Bench {
  /** About how long a whole run takes on two cores. */
  seconds: number;
  run(options: BenchOptions): Promise<Measured>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function goalsMet(goals: readonly Goal[], figures: Readonly<Record<string, number>>) {
  return goals.map(({ name, op, goal }) => {
    const got = figures[name] ?? Number.NaN;
    return { name, op, goal, got, met: op === ">=" ? got >= goal : got <= goal };
  });
}

/** The value below which `share` of the sorted values lie. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function inTenths(value: number): number {
  return Math.round(value * 10) / 10;
}

export function inHundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
