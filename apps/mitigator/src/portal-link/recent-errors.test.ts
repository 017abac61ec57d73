import { describe, expect, test } from "vitest";
import { createRecentErrors } from "./recent-errors.ts";

const at = (second: number) => new Date(Date.UTC(2026, 10, 24, 9, 0, second));
const error = (code: string, second: number) => ({ at: at(second), code, text: `${code}.`, cure: "Mend it." });

describe("recent errors", () => {
  test("the same again in a row counts up, another one is a new entry, the newest stands first", () => {
    const errors = createRecentErrors();

    errors.note(error("link.timeout", 1));
    errors.note(error("link.timeout", 1));
    errors.note(error("link.timeout", 5));
    errors.note(error("proxy.timeout", 9));

    expect(errors.list().map(({ code, times, firstAt, at: last }) => [code, times, firstAt, last])).toEqual([
      ["proxy.timeout", 1, at(9), at(9)],
      ["link.timeout", 2, at(1), at(5)],
    ]);
  });

  test("only twenty are kept", () => {
    const errors = createRecentErrors();

    for (let second = 0; second < 50; second += 1) errors.note(error(`code.${second}`, second));

    expect(errors.list()).toHaveLength(20);
    expect(errors.list()[0]?.code).toBe("code.49");
  });
});
