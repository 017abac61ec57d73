import type { CaseId, CaseState, CustomerScope, ProductId } from "@tms/records";
import { expect, test } from "vitest";
import type { Case, CaseReport } from "./case.ts";
import { createPutCase, type NewEntry } from "./put-case.ts";

const PRODUCT = "product-1" as ProductId;
const SCOPE = { kind: "customer", customer: "customer-1" } as unknown as CustomerScope;

test.each<[CaseReport["state"], string]>([
  ["package-uploading", `product ${PRODUCT}`],
  ["withdrawn", "admin.finch"],
])("%s is told by %s", async (state, who) => {
  const report = {
    endpoint: "e",
    host: "ws-1",
    threats: [],
    openedAt: new Date(0),
    events: [],
    note: "",
    openedBy: "admin.finch",
    state,
  };
  const known = { ...report, product: PRODUCT, state: "submitted" as CaseState } as unknown as Case;
  const moved: NewEntry[] = [];
  const put = createPutCase({
    cases: {
      locked: (_scope, _id, work) =>
        work({
          known,
          open: () => Promise.resolve(),
          move: async (_state, entry) => {
            moved.push(entry);
          },
          read: () => Promise.resolve(known),
        }),
    },
  });

  await put(SCOPE, { id: "case-1" as CaseId, product: PRODUCT }, report as unknown as CaseReport);

  expect(moved.map((entry) => entry.who)).toEqual([who]);
});
