import { DEPLOYMENT_STATES, type EndpointId, newId, type PatternId, type ProductId, type RecordId } from "@tms/records";
import fc from "fast-check";
import { expect, test } from "vitest";
import { afterNews, type Deployment, type DeploymentNews } from "./deployment.ts";

const ENDPOINT = newId<EndpointId>();
const PRODUCT = newId<ProductId>();
const STEP = { step: "q1", verb: "file.quarantine", target: "/srv/x", outcome: "done" } as const;

function assigned(): Deployment {
  return {
    patternId: "CP-1" as PatternId,
    patternVersion: 1,
    endpoint: ENDPOINT,
    caseId: null,
    host: "",
    state: "assigned",
    stateSince: new Date(0),
    downloadedAt: null,
    appliedAt: null,
    steps: [],
    undo: "none",
  };
}

function news(state: DeploymentNews["state"], second = 1): DeploymentNews {
  return {
    record: newId<RecordId>(),
    product: PRODUCT,
    patternId: "CP-1" as PatternId,
    patternVersion: 1,
    endpoint: ENDPOINT,
    host: "ws-1",
    state,
    occurredAt: new Date(second * 1000),
    steps: state === "succeeded" ? [STEP] : [],
    undo: "possible",
  };
}

test("downloaded by the mitigator and applied on the endpoint are two facts", () => {
  const downloaded = afterNews(assigned(), news("downloaded-by-mitigator", 1));
  const applied = afterNews(downloaded, news("succeeded", 9));

  expect(downloaded).toMatchObject({ state: "downloaded-by-mitigator", appliedAt: null });
  expect(applied).toMatchObject({ state: "succeeded", downloadedAt: new Date(1000), appliedAt: new Date(9000) });
});

test("in whatever order the records come, the furthest state stands", () => {
  const way = ["downloaded-by-mitigator", "verified", "sent-to-agent", "verified-by-agent", "succeeded"] as const;
  fc.assert(
    fc.property(fc.shuffledSubarray([...way], { minLength: way.length }), (order) => {
      const end = order.reduce((known, state) => afterNews(known, news(state, way.indexOf(state))), assigned());

      expect(end).toMatchObject({ state: "succeeded", steps: [STEP] });
      expect(end.downloadedAt).not.toBeNull();
    }),
  );
});

test("a later cleanup replaces an earlier failure, an earlier one does not", () => {
  const failed = afterNews(assigned(), news("failed", 5));

  expect(afterNews(failed, news("succeeded", 9)).state).toBe("succeeded");
  expect(afterNews(failed, news("succeeded", 2)).state).toBe("failed");
});

test("no piece of news makes a state unknown", () => {
  for (const state of DEPLOYMENT_STATES) expect(DEPLOYMENT_STATES).toContain(afterNews(assigned(), news(state)).state);
});
