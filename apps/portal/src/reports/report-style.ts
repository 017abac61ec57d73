/** The HTML report's only style: it must stand alone, on a screen and on paper. */
export const REPORT_STYLE = `
body { font: 15px/1.55 "Inter", "Noto Sans", system-ui, sans-serif; color: #17202b; background: #fff; margin: 0; }
main { max-width: 52rem; margin: 0 auto; padding: 2.5rem 1.5rem 3rem; }
.kicker { margin: 0; color: #5c6875; font-size: .85rem; } h1 { font-size: 1.6rem; line-height: 1.3; margin: .1rem 0 0; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; break-after: avoid; }
.summary { font-size: 1.15rem; font-weight: 600; border-left: 4px solid #0e5a6f; padding: .1rem 0 .1rem .9rem; margin: 1.2rem 0; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem 1.2rem; margin: 0; padding: .8rem 0; border-top: 1px solid #dce1e7; border-bottom: 1px solid #dce1e7; }
dt, .small, th, footer { color: #5c6875; font-size: .85rem; } dd { margin: 0; font-weight: 600; }
dd, li, td, p, h1 { overflow-wrap: anywhere; }
ol, ul { margin: 0; padding-left: 1.4rem; } li { margin: .4rem 0; } .small, .line { display: block; }
sup { color: #0e5a6f; font-weight: 600; margin-left: .15rem; line-height: 0; }
table { border-collapse: collapse; width: 100%; } th { font-weight: 600; white-space: nowrap; }
th, td { text-align: left; vertical-align: top; padding: .45rem .9rem .45rem 0; border-bottom: 1px solid #dce1e7; }
tr { break-inside: avoid; } thead { display: table-header-group; }
.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.evidence .line { font: .8rem/1.5 "JetBrains Mono", ui-monospace, monospace; }
.mark { font-size: .75rem; font-weight: 600; margin-left: .5rem; padding: 0 .35rem; border: 1px solid; border-radius: 3px; }
.first { color: #17202b; } .detected { color: #b3261e; } .unseen { color: #6a3fa0; }
footer { margin-top: 2.5rem; }
@media (max-width: 34rem) { table, tbody, tr, td { display: block; } thead { display: none; } td { border: 0; padding: .1rem 0; } tr { padding: .5rem 0; border-bottom: 1px solid #dce1e7; } }
@page { size: A4; margin: 18mm 16mm 20mm; }
@media print { body { font-size: 10pt; } main { max-width: none; padding: 0; } }
`;
