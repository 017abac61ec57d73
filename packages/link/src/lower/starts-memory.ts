/** What is remembered of the own starts; pure, so that the judgement above can be tested against it. */
export interface StartsMemory {
  ackedStart: string | null;
  /** Starts since the acknowledged one, the last of them in force. */
  starts: string[];
  counter: number;
}

export const NO_STARTS: StartsMemory = { ackedStart: null, starts: [], counter: 0 };
const MAX_STARTS = 63;

/** A process begins; counters begin anew with it. */
export function begun(before: StartsMemory, start: string): StartsMemory {
  return { ackedStart: before.ackedStart, starts: [...before.starts, start].slice(-MAX_STARTS), counter: 0 };
}

/** What a heartbeat of `start` names: the last acknowledged start and all between it and this one. */
export function earlierStartsOf(memory: StartsMemory, start: string): string[] {
  const between = memory.starts.filter((one) => one !== start);
  return memory.ackedStart === null || memory.ackedStart === start ? between : [memory.ackedStart, ...between];
}

/** The upper party took a heartbeat of `start`: it knows it from now on, and what was before need not be named. */
export function acknowledgedBy(memory: StartsMemory, start: string): StartsMemory {
  return { ackedStart: start, starts: [start], counter: memory.counter };
}
