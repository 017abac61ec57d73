import type { ReactNode } from "react";
import { useKitWords } from "../words/kit-words.ts";

/** What each outline means; drawn small, said in words. */
export function GraphLegend(): ReactNode {
  const words = useKitWords();
  const stroke = { fill: "none", stroke: "var(--tms-ink2)", strokeWidth: 1.3 };
  const entries: [string, ReactNode][] = [
    [words("graph.process"), <rect key="s" x="1" y="1" width="22" height="12" rx="2" {...stroke} />],
    [words("graph.file"), <path key="s" d="M1 1h16l6 5v7H1zM17 1v5h6" {...stroke} />],
    [words("graph.network"), <path key="s" d="M6 1h12l5 6-5 6H6L1 7z" {...stroke} />],
    [
      words("graph.persistence"),
      <g key="s" {...stroke}>
        <rect x="1" y="1" width="22" height="12" rx="6" />
        <rect x="3.5" y="3.5" width="17" height="7" rx="3.5" />
      </g>,
    ],
    [
      words("graph.unseen"),
      <rect
        key="s"
        x="1"
        y="1"
        width="22"
        height="12"
        rx="2"
        {...stroke}
        stroke="var(--tms-gap-solid)"
        strokeDasharray="3 2"
      />,
    ],
    [words("graph.onPath"), <path key="s" d="M0 7h24" {...stroke} stroke="var(--tms-ink)" strokeWidth="3" />],
    [words("graph.inferred"), <path key="s" d="M0 7h24" {...stroke} strokeDasharray="4 3" />],
  ];
  return (
    <ul className="tms-legend">
      {entries.map(([label, shape]) => (
        <li key={label}>
          <svg width="24" height="14" viewBox="0 0 24 14" aria-hidden="true">
            {shape}
          </svg>
          {label}
        </li>
      ))}
    </ul>
  );
}
