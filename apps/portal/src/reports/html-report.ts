import { createElement as h, type ReactNode } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import type { ChainRow } from "./chain-rows.ts";
import type { Report } from "./incident-report.ts";
import { REPORT_STYLE } from "./report-style.ts";

/** A report as one self-contained HTML file: no script, no picture, nothing fetched; React escapes every text. */
export function htmlReport(report: Report): string {
  const page = h(
    "html",
    { lang: "en-GB" },
    h(
      "head",
      null,
      h("meta", { charSet: "utf-8" }),
      h("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
      h("title", null, `${report.title}: ${report.subtitle}`),
      // biome-ignore lint/security/noDangerouslySetInnerHtml: the style is a constant of ours; nothing from outside enters it
      h("style", { dangerouslySetInnerHTML: { __html: REPORT_STYLE } }),
    ),
    h("body", null, h("main", null, ...sections(report))),
  );
  return `<!doctype html>\n${renderToStaticMarkup(page)}\n`;
}

function sections(report: Report): ReactNode[] {
  const when = `When, ${report.zone}`;
  return [
    h(
      "header",
      { key: "header" },
      h("p", { className: "kicker" }, `${report.customer} · ${report.title}`),
      h("h1", null, report.subtitle),
    ),
    h("p", { key: "summary", className: "summary" }, report.summary),
    facts(report),
    section("What happened", claims(report.malicious)),
    section(
      "What was done",
      report.done.length === 0 ? h("p", null, "Nothing has been done yet.") : done(report, when),
    ),
    section("What we recommend", recommended(report)),
    ...report.chains.map((chain, index) => chainSection(chain, { when, index })),
    section(
      "Is this all the data?",
      h("p", null, h("strong", null, report.dataComplete.complete ? "Yes. " : "No. "), report.dataComplete.text),
    ),
    section(
      "Every event",
      table(
        ["Event", when, "What", "Status"],
        report.story.map((one) => [one.id, time(one.at), one.kind, one.status]),
      ),
    ),
    section(
      "Evidence in full",
      table(
        ["No.", "What it rests on"],
        report.evidence.map((one) => [one.number, lines(one.lines)]),
        "evidence",
      ),
    ),
    h("footer", { key: "footer" }, `Made ${report.madeAt}. Times are in ${report.zone}.`),
  ];
}

function section(title: string, body: ReactNode): ReactNode {
  return h("section", { key: title }, h("h2", null, title), body);
}

function facts(report: Report): ReactNode {
  return h(
    "dl",
    { key: "facts" },
    ...report.facts.map((fact) => h("div", { key: fact.name }, h("dt", null, fact.name), h("dd", null, fact.value))),
  );
}

function claims(list: Report["malicious"]): ReactNode {
  if (list.length === 0) return h("p", null, "Nothing malicious was found in what was received.");
  return h("ol", null, ...list.map((one, index) => h("li", { key: index }, one.text, reference(one.number))));
}

function done(report: Report, when: string): ReactNode {
  const rows = report.done.map((one) => [time(one.at), h("span", null, one.text, reference(one.number))]);
  return table([when, "What"], rows);
}

function recommended(report: Report): ReactNode {
  if (report.recommended.length === 0) return h("p", null, "Nothing: no action is open.");
  return h(
    "ul",
    null,
    ...report.recommended.map((one, index) =>
      h("li", { key: index }, h("strong", null, one.text), h("span", { className: "small" }, one.why)),
    ),
  );
}

function chainSection(chain: Report["chains"][number], at: { when: string; index: number }): ReactNode {
  const rows = chain.rows.map((row) => [time(row.at), chainThing(row), row.how]);
  return h(
    "section",
    { key: `chain ${at.index}` },
    h("h2", null, "The chain of events"),
    h("p", { className: "small" }, `Why this is taken for the first cause: ${chain.reason}`),
    table([at.when, "What", "How it came"], rows),
  );
}

function chainThing(row: ChainRow): ReactNode {
  const kind = row.mark === "First cause" ? "mark first" : row.mark === "Detected" ? "mark detected" : "mark unseen";
  return h(
    "span",
    null,
    h("strong", null, row.what),
    row.mark === "" || row.mark === row.what ? null : h("span", { className: kind }, row.mark),
    h("span", { className: "small" }, row.place),
  );
}

function reference(number: string): ReactNode {
  return number === "" ? null : h("sup", { title: "Number in Evidence in full" }, number);
}

function time(text: string): ReactNode {
  return h("span", { className: "time" }, text);
}

function lines(all: string[]): ReactNode {
  return h("span", null, ...all.map((line, index) => h("span", { key: index, className: "line" }, line)));
}

function table(heads: string[], rows: ReactNode[][], className = ""): ReactNode {
  return h(
    "table",
    { className },
    h("thead", null, h("tr", null, ...heads.map((head) => h("th", { key: head, scope: "col" }, head)))),
    h(
      "tbody",
      null,
      ...rows.map((cells, row) =>
        h("tr", { key: row }, ...cells.map((cell, column) => h("td", { key: column }, cell))),
      ),
    ),
  );
}
