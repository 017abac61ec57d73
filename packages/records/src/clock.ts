/** Time is passed in (R12), so that rules can be tested without waiting. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** Waiting is passed in too: where somebody else keeps the time, days pass in a moment. */
export interface Timers {
  /** Milliseconds from anywhere on; no step of the clock changes them. */
  monotonicMs(): number;
  /** Calls back once after `ms`; what it returns prevents that. */
  after(ms: number, call: () => void): () => void;
}

export const systemTimers: Timers = {
  monotonicMs: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
