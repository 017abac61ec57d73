import type { ChainId, ChainNode, RootCauseRecord, ThreatId } from "@tms/records";
import { newId } from "@tms/records";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assembleChain } from "./threat-event.ts";

describe("assembleChain", () => {
  const of = { chain: newId<ChainId>(), threatId: newId<ThreatId>() };
  const node = (id: string, change: Partial<ChainNode> = {}): RootCauseRecord["body"] => ({
    ...of,
    node: { id, kind: "process", quality: "observed", ...change },
  });
  const edge = (from: string, to: string): RootCauseRecord["body"] => ({
    ...of,
    edge: { from, to, kind: "started", quality: "observed" },
  });
  const bodies = [
    node("downloader", { pathIndex: 0, rootCauseReason: "the first deed" }),
    node("script", { kind: "file", pathIndex: 1 }),
    node("file", { kind: "file", pathIndex: 2, detected: true }),
    node("beside"),
    edge("downloader", "script"),
    edge("script", "file"),
  ];

  test("gives the same root cause and path in any order, and when records come twice", () => {
    const whole = assembleChain(bodies);

    fc.assert(
      fc.property(fc.shuffledSubarray([...bodies, ...bodies], { minLength: bodies.length * 2 }), (arrived) => {
        const chain = assembleChain(arrived);
        expect(chain?.path).toEqual(whole?.path);
        expect(chain?.rootCause).toBe("downloader");
        expect(chain?.nodes).toHaveLength(4);
        expect(chain?.edges).toHaveLength(2);
      }),
    );

    expect(whole?.path).toEqual(["downloader", "script", "file"]);
  });

  test("an edge whose end has not arrived is left out, and nothing at all is no chain", () => {
    const half = assembleChain([node("a"), edge("a", "b")]);
    const none = assembleChain([edge("a", "b")]);

    expect(half).toMatchObject({ rootCause: null, edges: [], path: [] });
    expect(none).toBeNull();
  });
});
