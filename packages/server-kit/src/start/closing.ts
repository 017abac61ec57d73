/** What was opened, to be closed in reverse order by its one owner (R17). */
export interface Closing {
  add(close: () => Promise<void> | void): void;
  /** Closes everything once; a failure does not keep the rest open and is given back. */
  closeAll(): Promise<unknown[]>;
}

export function createClosing(): Closing {
  const open: (() => Promise<void> | void)[] = [];
  return {
    add: (close) => {
      open.push(close);
    },
    async closeAll() {
      const failures: unknown[] = [];
      for (let close = open.pop(); close !== undefined; close = open.pop()) {
        try {
          await close();
        } catch (error) {
          // Collected and told by the caller: the others must still be closed.
          failures.push(error);
        }
      }
      return failures;
    },
  };
}
