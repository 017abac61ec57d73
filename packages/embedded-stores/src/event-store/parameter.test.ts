import fc from "fast-check";
import { expect, test } from "vitest";
import { declaredTypes, readParameter } from "./parameter.ts";

test("reads arrays as they were written", () => {
  expect(readParameter("['it\\'s', '\\\\', 'a,b]']", "Array(String)")).toEqual(["it's", "\\", "a,b]"]);
  expect(readParameter("[1, -2, 1.5, NULL, TRUE]", "Array(Nullable(Float64))")).toEqual([1n, -2n, 1.5, null, true]);
  expect(readParameter("[['a'], []]", "Array(Array(String))")).toEqual([["a"], []]);
  expect(readParameter("[]", "Array(String)")).toEqual([]);
});

test("refuses what is no array literal", () => {
  const broken = ["", "x", "['a'", "['a'] OR 1=1", "['a' 'b']", "[,]", "[1;2]", "['a\\']", "[[[[[1]]]]]", "[sleep(3)]"];
  for (const text of broken) expect(() => readParameter(text, "Array(String)"), text).toThrow(SyntaxError);
});

test("a text that looks like an array stays a text where the type is not one", () => {
  expect(readParameter("['a']", "String")).toBe("['a']");
});

test("any array literal of quoted texts comes back, or is refused, but never read as something else", () => {
  const quote = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 6 }), (texts) => {
      expect(readParameter(`[${texts.map(quote).join(",")}]`, "Array(String)")).toEqual(texts);
    }),
  );
});

test("finds the declared types of a statement", () => {
  const sql = "SELECT * FROM view(customer = {customer:UUID}) WHERE host IN {hosts : Array(String)} AND x = '{no}'";

  expect([...declaredTypes(sql)]).toEqual([
    ["customer", "UUID"],
    ["hosts", "Array(String)"],
  ]);
});
