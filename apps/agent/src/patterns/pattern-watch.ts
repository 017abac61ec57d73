import type { PatternSource } from "./pattern-source.ts";

/** Until the first regular pattern is here the agent asks often; afterwards hints bring the news, this is the net. */
const FIRST_MS = 2000;
const LATER_MS = 60_000;

/** Keeps asking for patterns until stopped. */
export function watchPatterns(source: PatternSource, onProblem: (error: unknown) => void): { stop(): void } {
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  const look = async (): Promise<void> => {
    await source.refresh().catch(onProblem);
    if (!isStopped) timer = setTimeout(() => void look(), source.rules() === null ? FIRST_MS : LATER_MS);
  };
  void look();
  return {
    stop: () => {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}
