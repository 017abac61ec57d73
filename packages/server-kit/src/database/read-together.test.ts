import { expect, test } from "vitest";
import { createReadTogether } from "./read-together.ts";

function arrange() {
  const asked: string[][] = [];
  const queries: PromiseWithResolvers<string[]>[] = [];
  const read = createReadTogether<string, string>((together) => {
    asked.push([...together]);
    const query = Promise.withResolvers<string[]>();
    queries.push(query);
    return query.promise;
  });
  const query = async (at: number) => {
    // Whoever had the one before is answered first.
    await new Promise((resolve) => setImmediate(resolve));
    return queries[at] ?? Promise.reject(new Error(`there is no query ${at}`));
  };
  return { read, asked, query };
}

test("whoever asks while a query is under way shares the next one, and each gets its own answer", async () => {
  const { read, asked, query } = arrange();
  const first = read("a");
  const later = [read("b"), read("c"), read("b")];
  (await query(0)).resolve(["A"]);
  expect(await first).toBe("A");

  (await query(1)).resolve(["B", "C", "B"]);

  expect(await Promise.all(later)).toEqual(["B", "C", "B"]);
  expect(asked).toEqual([["a"], ["b", "c", "b"]]);
});

test("a failed query fails for those who shared it, and the next one is asked as before", async () => {
  const { read, query } = arrange();
  const failed = read("a");
  (await query(0)).reject(new Error("the database is away"));
  await expect(failed).rejects.toThrow("the database is away");

  const again = read("a");
  (await query(1)).resolve(["A"]);

  expect(await again).toBe("A");
});

test("an answer that is missing is an error of everybody who shared the query, and never another one's answer", async () => {
  const { read, query } = arrange();
  const one = read("a");
  (await query(0)).resolve([]);

  await expect(one).rejects.toThrow("not every caller has an answer");
});

test("five hundred share a query, and no more", async () => {
  const { read, asked, query } = arrange();
  const first = read("0");
  const others = Array.from({ length: 501 }, (_, at) => read(String(at + 1)));
  (await query(0)).resolve(["0"]);
  await first;
  (await query(1)).resolve(asked[1] ?? []);
  await others[0];
  (await query(2)).resolve(asked[2] ?? []);

  expect((await Promise.all(others)).at(-1)).toBe("501");
  expect(asked.map((together) => together.length)).toEqual([1, 500, 1]);
});
