import { createElement as h, type ReactNode } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import type { Report } from "./incident-report.ts";

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
      // biome-ignore lint/security/noDangerouslySetInnerHtml: the style is a constant of this file; nothing from outside enters it
      h("style", { dangerouslySetInnerHTML: { __html: STYLE } }),
    ),
    h("body", null, h("main", null, ...sections(report))),
  );
  return `<!doctype html>\n${renderToStaticMarkup(page)}\n`;
}

function sections(report: Report): ReactNode[] {
  return [
    h("header", { key: "header" }, h("h1", null, report.title), h("p", { className: "lead" }, report.subtitle)),
    h("p", { key: "summary", className: "summary" }, report.summary),
    facts(report),
    section("What was malicious", claims(report.malicious)),
    ...report.chains.map((chain, index) => chainSection(chain, index)),
    section(
      "What was done",
      table(
        ["Time", "What", "Evidence"],
        report.done.map((one) => [one.at, one.text, one.evidence.join(" · ")]),
      ),
    ),
    section(
      "What is recommended",
      h(
        "ul",
        null,
        ...report.recommended.map((one, index) =>
          h("li", { key: index }, h("strong", null, one.text), h("span", { className: "evidence" }, one.why)),
        ),
      ),
    ),
    section(
      "Events",
      table(
        ["Event", "Time", "Kind", "Status"],
        report.story.map((one) => [one.id, one.at, one.kind, one.status]),
      ),
    ),
    section("Is this all the data?", h("p", null, report.dataComplete)),
    h("footer", { key: "footer" }, `Made ${report.madeAt}. Times are shown in ${report.zone}.`),
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
  return h(
    "ul",
    null,
    ...list.map((one, index) =>
      h("li", { key: index }, one.text, h("span", { className: "evidence" }, one.evidence.join(" · "))),
    ),
  );
}

function chainSection(chain: Report["chains"][number], index: number): ReactNode {
  const rows = chain.rows.map((row) => [row.at, row.text, row.detail, row.mark]);
  return h(
    "section",
    { key: `chain ${index}` },
    h("h2", null, "The chain of events"),
    h("p", null, chain.reason),
    table(["Time", "What", "How we know", ""], rows),
  );
}

function table(heads: string[], rows: string[][]): ReactNode {
  return h(
    "table",
    null,
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

const STYLE = `
body { font: 15px/1.5 "Inter", "Noto Sans", system-ui, sans-serif; color: #16202b; background: #fff; margin: 0; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.lead { margin: .2rem 0 0; color: #44525f; } .summary { font-size: 1.05rem; border-left: 4px solid #2f6fb3; padding-left: .8rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: .5rem 1.5rem; }
dt { color: #5b6875; font-size: .85rem; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid #d8dee4; overflow-wrap: anywhere; }
th { font-size: .85rem; color: #5b6875; } li { margin: .35rem 0; overflow-wrap: anywhere; }
.evidence { display: block; color: #5b6875; font-size: .85rem; overflow-wrap: anywhere; }
footer { margin-top: 2.5rem; color: #5b6875; font-size: .85rem; }
@media print { main { padding: 0; } }
`;
