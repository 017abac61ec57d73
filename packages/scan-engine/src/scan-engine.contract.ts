import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@tms/records";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createScanEngine } from "./create-scan-engine.ts";
import type { ScanEngine } from "./scan-engine.ts";

const LIMITS = { deadlineMs: 10_000, maxBytes: 1024 * 1024 };
const MARKER = {
  id: "R1",
  source: `rule made_up_marker : demo {
    meta: title = "Made-up marker" severity = "high" weight = 3
    strings: $a = "tms-contract-marker"
    condition: $a
  }`,
};
/** The compiler cannot see how long this runs: the file itself says it, 2^62 steps. Nobody waits for its end. */
const ENDLESS = {
  id: "R9",
  source: "rule endless { condition: for any i in (0..uint32(0)) : ( for any j in (0..uint32(0)) : ( i * j == -1 ) ) }",
};
const HUGE_COUNT = Buffer.from([0xff, 0xff, 0xff, 0x7f]);

/** What both engines do alike. */
export function scanEngineContract(kind: "native" | "wasm"): void {
  describe(`scan engine ${kind}`, () => {
    const open: { engine: ScanEngine; directory: string }[] = [];
    beforeAll(async () => {
      open.push({ engine: await createScanEngine({ kind }), directory: mkdtempSync(join(tmpdir(), "tms-scan-")) });
    }, 30_000);
    afterAll(async () => {
      for (const { engine, directory } of open) {
        await engine.close();
        rmSync(directory, { recursive: true });
      }
    });
    function opened() {
      const [first] = open;
      if (first === undefined) throw new Error("not opened");
      return first;
    }

    test("finds a rule in bytes and says which, with its meta values and offsets", async () => {
      const { engine } = opened();
      const set = await engine.load([MARKER]);

      const matches = await engine.scan(set, Buffer.from("xx tms-contract-marker"), LIMITS);

      expect(matches).toEqual([
        {
          source: "R1",
          rule: "made_up_marker",
          tags: ["demo"],
          meta: { title: "Made-up marker", severity: "high", weight: 3 },
          strings: [{ identifier: "$a", offset: 3, length: 19 }],
        },
      ]);
    });

    test("finds nothing in a file without the marker, and finds it in one with it, by path", async () => {
      const { engine, directory } = opened();
      const set = await engine.load([MARKER]);
      writeFileSync(join(directory, "clean"), "nothing here");
      writeFileSync(join(directory, "marked"), "a tms-contract-marker b");

      const clean = await engine.scan(set, join(directory, "clean"), LIMITS);
      const marked = await engine.scan(set, join(directory, "marked"), LIMITS);

      expect(clean).toEqual([]);
      expect(marked.map((match) => match.rule)).toEqual(["made_up_marker"]);
    });

    test("keeps two sets and two equal rule names in different sources apart", async () => {
      const { engine } = opened();
      const twin = { id: "R2", source: MARKER.source.replace("tms-contract-marker", "another-marker") };
      const both = await engine.load([MARKER, twin]);
      const one = await engine.load([twin]);

      const inBoth = await engine.scan(both, Buffer.from("tms-contract-marker another-marker"), LIMITS);
      const inOne = await engine.scan(one, Buffer.from("tms-contract-marker"), LIMITS);

      expect(inBoth.map((match) => match.source).sort()).toEqual(["R1", "R2"]);
      expect(inOne).toEqual([]);
    });

    test("names line and column of a rule that does not compile", async () => {
      const diagnostics = await opened().engine.validate([{ id: "B", source: "rule b {\n condition: }" }]);

      expect(diagnostics).toMatchObject([{ severity: "error", code: "E001", source: "B", line: 2, column: 13 }]);
    });

    test.each([
      ["a slow pattern", "rule b { strings: $a = /(a+)+$/ condition: $a }", "pattern.rule_slow"],
      [
        "a loop that is too long",
        "rule b { condition: for any i in (0..2000000000) : ( i == -1 ) }",
        "pattern.rule_slow",
      ],
      ["an include of a system file", 'include "/etc/passwd" rule b { condition: false }', "pattern.rule_invalid"],
      ["a syntax error", "rule b { condition: }", "pattern.rule_invalid"],
    ])("refuses to load %s", async (_, source, code) => {
      const refused = opened().engine.load([{ id: "B", source }]);

      await expect(refused).rejects.toMatchObject({ constructor: AppError, code });
    });

    test("never quotes the included file or the rule in a diagnostic", async () => {
      const source = 'include "/etc/passwd" rule b { condition: false }';

      const diagnostics = await opened().engine.validate([{ id: "B", source }]);

      expect(JSON.stringify(diagnostics)).not.toContain("root:");
    });

    test("ends a scan at its deadline, then goes on with a fresh runner", async () => {
      const { engine } = opened();
      const endless = await engine.load([ENDLESS]);
      const set = await engine.load([MARKER]);

      const late = engine.scan(endless, HUGE_COUNT, { deadlineMs: 300, maxBytes: 10 });
      await expect(late).rejects.toMatchObject({ constructor: AppError, code: "scan.timeout" });

      const after = await engine.scan(set, Buffer.from("tms-contract-marker"), LIMITS);
      expect(after).toHaveLength(1);
    }, 30_000);

    test("refuses what is larger than the limit, unreadable, or no regular file", async () => {
      const { engine, directory } = opened();
      const set = await engine.load([MARKER]);
      writeFileSync(join(directory, "large"), Buffer.alloc(200));
      const small = { ...LIMITS, maxBytes: 100 };

      await expect(engine.scan(set, join(directory, "large"), small)).rejects.toMatchObject({ code: "scan.too_large" });
      await expect(engine.scan(set, Buffer.alloc(200), small)).rejects.toMatchObject({ code: "scan.too_large" });
      await expect(engine.scan(set, join(directory, "none"), small)).rejects.toMatchObject({
        code: "scan.input_unreadable",
      });
      await expect(engine.scan(set, directory, small)).rejects.toMatchObject({ code: "scan.input_unreadable" });
    });

    test("refuses more rule sources than its bound before they reach the compiler", async () => {
      const many = Array.from({ length: 10_001 }, (_, index) => ({ id: `R${index}`, source: "" }));

      expect(() => opened().engine.load(many)).toThrow(expect.objectContaining({ code: "scan.rules_too_large" }));
    });
  });
}
