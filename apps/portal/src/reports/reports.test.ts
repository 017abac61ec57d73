import { expect, test } from "vitest";
import { chainRows } from "./chain-rows.ts";
import { htmlReport } from "./html-report.ts";
import { type ReportSource, reportOf } from "./incident-report.ts";
import { typesetPdf } from "./typeset-pdf.ts";
import { visibleText } from "./visible-text.ts";

const HOSTILE = [
  "<script>alert(1)</script>",
  "line one\nline two",
  "\u001b[31mred\u001b[0m",
  "photo\u202Egnp.exe",
  '{{constructor}} #panic("x") #read("/etc/passwd") $x$ `raw`',
  "\ue000 private, \ud800 lone, \u0007 bell, \u4e2d\u6587 without a glyph, \u200b zero",
].join(" ");

function sourceWith(text: string): ReportSource {
  return {
    shortId: "I-1",
    customer: { name: text },
    title: text,
    severity: "high",
    endpoints: [{ id: "0190a0b0-0000-7000-8000-000000000001", host: text }],
    firstEventAt: "2026-11-24T09:00:00.123456Z",
    lastEventAt: "2026-11-24T09:05:00Z",
    summary: text,
    malicious: [{ text, evidence: [text, text] }],
    done: [{ text, at: "2026-11-24T09:05:00Z", evidence: [text] }],
    recommended: [{ text, why: text }],
    chains: [
      {
        nodes: [
          { id: "a", kind: "process", pid: 4, image: text, commandLine: text, quality: "observed", pathIndex: 0 },
          { id: "b", kind: "file", path: text, quality: "inferred", detected: true, pathIndex: 1 },
        ],
        edges: [{ from: "a", to: "b", kind: "wrote", quality: "inferred" }],
        rootCause: "a",
        rootCauseReason: text,
        path: ["a", "b"],
      },
    ],
    story: [{ shortId: "E-1", occurredAt: "2026-11-24T09:00:00Z", kind: "detection", status: "assessing", host: text }],
    dataComplete: { complete: true, text },
  };
}

const MADE = { at: new Date("2026-11-24T10:00:00Z"), zone: "Europe/Vienna" };

test("shows what would hide, reorder or end a line as what it is", () => {
  const shown = visibleText("a\u202Eb\u001b[31m\nc\ud800");

  expect(shown).toBe("a⟨U+202E⟩b⟨U+001B⟩[31m⟨U+000A⟩c⟨U+D800⟩");
});

test("keeps ordinary text of any script as it is", () => {
  const text = "Grüße, naïve café, Ελλάδα, привет, 12 µm";

  expect(visibleText(text)).toBe(text);
});

test("an HTML report escapes hostile names and holds no control or bidirectional character", () => {
  const html = htmlReport(reportOf(sourceWith(HOSTILE), MADE));

  expect(html).not.toContain("<script>alert");
  expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  for (const hidden of ["\u0007", "\u001b", "\u202e", "\ue000"]) expect(html).not.toContain(hidden);
  expect(html).toContain("⟨U+202E⟩");
});

test("an HTML report fetches nothing and runs nothing", () => {
  const html = htmlReport(reportOf(sourceWith("plain"), MADE));

  expect(html).not.toMatch(/<script|<link|<img|src=|href=/);
});

test("the chain's table runs in time, what was not observed right before what came of it, long paths cut in the middle", () => {
  const path = "/srv/a-long-folder/another-long-folder/one-more/invoice-open.sh";
  const rows = chainRows(
    {
      nodes: [
        { id: "file", kind: "file", path, startedAt: "2026-11-24T09:00:02Z", quality: "observed", detected: true },
        { id: "unseen", kind: "not-observed", quality: "inferred", reason: "It is older than the record." },
        {
          id: "dash",
          kind: "process",
          image: "/usr/bin/dash",
          pid: 7,
          startedAt: "2026-11-24T09:00:01Z",
          quality: "observed",
        },
      ],
      edges: [
        { from: "unseen", to: "dash", kind: "started", quality: "inferred" },
        { from: "dash", to: "file", kind: "wrote", quality: "inferred" },
      ],
      rootCause: "dash",
      rootCauseReason: "oldest",
      path: ["dash", "file"],
    },
    (at) => at.slice(11, 19),
  );

  expect(rows.map(({ at, what, how, mark }) => [at, what, how, mark])).toEqual([
    ["not known", "Not observed", "It is older than the record.", "Not observed"],
    ["09:00:01", "dash (pid 7)", "what started it was not observed", "First cause"],
    ["09:00:02", "invoice-open.sh", "written by dash (pid 7) (inferred)", "Detected"],
  ]);
  expect(rows[2]?.place).toMatch(/^file, \/srv\/a-long-fo.*….*invoice-open\.sh$/);
});

test("times name their zone once and what a claim rests on stands in full", () => {
  const report = reportOf(sourceWith("plain"), MADE);

  expect(report.zone).toBe("Europe/Vienna, UTC+1");
  expect(report.madeAt).toBe("24 Nov 2026, 11:00:00");
  expect(report.malicious).toEqual([{ text: "plain", number: "1" }]);
  expect(report.evidence[0]).toEqual({ number: "1", lines: ["plain", "plain"] });
});

test("a PDF report is made of hostile names, with a character without a glyph made visible", async () => {
  const { pdf } = await typesetPdf(reportOf(sourceWith(HOSTILE), MADE));

  expect(pdf.subarray(0, 5).toString("latin1")).toBe("%PDF-");
  expect(pdf.length).toBeGreaterThan(4000);
});

test("a PDF report of ordinary text keeps the archive standard", async () => {
  const made = await typesetPdf(reportOf(sourceWith("update-helper wrote /srv/data/report"), MADE));

  expect(made.note).toBeNull();
});
