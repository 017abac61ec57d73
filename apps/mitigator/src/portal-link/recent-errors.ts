/** What went wrong on the line, for a person who looks later. */
export interface LineError {
  at: Date;
  firstAt: Date;
  times: number;
  code: string;
  text: string;
  cure: string;
}

export interface RecentErrors {
  note(error: { at: Date; code: string; text: string; cure: string }): void;
  /** Newest first. */
  list(): LineError[];
}

const MAX_ERRORS = 20;

/** Remembers the newest; the same code again in a row only counts up, so that one outage does not push out the rest. */
export function createRecentErrors(): RecentErrors {
  const errors: LineError[] = [];
  return {
    note({ at, code, text, cure }) {
      const [newest] = errors;
      if (newest?.code === code) {
        if (newest.at < at) errors[0] = { ...newest, at, times: newest.times + 1 };
        return;
      }
      errors.unshift({ at, firstAt: at, times: 1, code, text, cure });
      errors.splice(MAX_ERRORS);
    },
    list: () => [...errors],
  };
}
