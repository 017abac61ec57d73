/** More would make one query long for everybody in it. */
const MAX_TOGETHER = 500;

/**
 * Reads for many callers with few queries: one is under way, and whoever asks meanwhile shares the next. What a caller
 * gets was read after it asked.
 *
 * @param load One answer for each of the asked, in their order. When it fails, it fails for all of them.
 */
export function createReadTogether<Asked, Answer>(
  load: (asked: readonly Asked[]) => Promise<readonly Answer[]>,
): (asked: Asked) => Promise<Answer> {
  interface Waiting {
    asked: Asked;
    resolve(answer: Answer): void;
    reject(error: unknown): void;
  }
  let waiting: Waiting[] = [];
  let isReading = false;

  async function readOne(together: readonly Waiting[]): Promise<void> {
    try {
      const answers = await load(together.map(({ asked }) => asked));
      if (answers.length !== together.length) throw new Error("not every caller has an answer");
      together.forEach(({ resolve }, at) => {
        resolve(answers[at] as Answer);
      });
    } catch (error) {
      for (const { reject } of together) reject(error);
    }
  }

  async function readOn(): Promise<void> {
    isReading = true;
    while (waiting.length > 0) {
      const together = waiting.slice(0, MAX_TOGETHER);
      waiting = waiting.slice(MAX_TOGETHER);
      await readOne(together);
    }
    isReading = false;
  }

  return (asked) =>
    new Promise((resolve, reject) => {
      waiting.push({ asked, resolve, reject });
      if (!isReading) void readOn();
    });
}
