import { expect, test } from "vitest";
import { holdRows } from "./hold-rows.ts";
import { pagesToOffer } from "./pages-to-offer.ts";

const keyOf = (row: { id: string; value?: number }) => row.id;

test("rows that nobody reads follow the server at once", () => {
  const held = holdRows([{ id: "a" }], [{ id: "b" }, { id: "a" }], false, keyOf);

  expect(held).toEqual({ rows: [{ id: "b" }, { id: "a" }], newer: 0 });
});

test("rows under a reader keep their order, change their values and count the newer ones", () => {
  const shown = [
    { id: "a", value: 1 },
    { id: "gone", value: 1 },
  ];

  const held = holdRows(shown, [{ id: "new" }, { id: "a", value: 2 }], true, keyOf);

  expect(held).toEqual({
    rows: [
      { id: "a", value: 2 },
      { id: "gone", value: 1 },
    ],
    newer: 1,
  });
});

test("paging offers the ends and the neighbours", () => {
  expect(pagesToOffer(10, 40)).toEqual([1, 8, 9, 10, 11, 12, 40]);
  expect(pagesToOffer(1, 1)).toEqual([1]);
});
