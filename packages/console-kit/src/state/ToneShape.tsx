import type { StillShape, Tone } from "@tms/records";
import type { ReactNode } from "react";

// Each tone has an outline of its own, and the outline alone must identify it (design, section 2.2).

export type ShapeKind = Tone | "next";

export function ToneShape(props: { tone: ShapeKind; still?: StillShape | undefined; size?: number }): ReactNode {
  const size = props.size ?? 14;
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" className="tms-shape">
      {outlineOf(props.tone, props.still)}
    </svg>
  );
}

function outlineOf(tone: ShapeKind, still: StillShape | undefined): ReactNode {
  const solid = `var(--tms-${tone}-solid)`;
  const glyph = { fill: "none", stroke: "var(--tms-glyph)", strokeWidth: 1.9, strokeLinecap: "round" as const };
  switch (tone) {
    case "ok":
      return (
        <>
          <circle cx="8" cy="8" r="7.4" fill={solid} />
          <path d="M4.8 8.3 7.1 10.5 11.3 5.9" {...glyph} />
        </>
      );
    case "move":
      return (
        <>
          <circle cx="8" cy="8" r="6.4" fill="none" stroke={solid} strokeWidth="1.9" />
          <path d="M8 4.6a3.4 3.4 0 0 1 0 6.8z" fill={solid} />
          <path d="M8 11.4a3.4 3.4 0 0 1-3.2-2.3" fill="none" stroke={solid} strokeWidth="1.4" />
        </>
      );
    case "wait":
      return (
        <>
          <path d="M8 .6 15.4 8 8 15.4 .6 8z" fill={solid} />
          <path d="M8 4.6v4" {...glyph} />
          <circle cx="8" cy="11" r="1.05" fill="var(--tms-glyph)" />
        </>
      );
    case "fail":
      return (
        <>
          <path d="M5 .7h6L15.3 5v6L11 15.3H5L.7 11V5z" fill={solid} />
          <path d="m5.6 5.6 4.8 4.8m0-4.8-4.8 4.8" {...glyph} />
        </>
      );
    case "still":
      return (
        <>
          <circle cx="8" cy="8" r="6.6" fill="none" stroke={solid} strokeWidth="1.6" />
          <path d={stillGlyph(still)} fill="none" stroke={solid} strokeWidth="1.7" strokeLinecap="round" />
        </>
      );
    case "gap":
      return (
        <>
          <rect
            x="1.2"
            y="1.2"
            width="13.6"
            height="13.6"
            rx="1.5"
            fill="none"
            stroke={solid}
            strokeWidth="1.5"
            strokeDasharray="3 1.8"
          />
          <path d="M3.5 12.5l9-9M3.5 8l4.5-4.5M8 12.5 12.5 8" stroke={solid} strokeWidth="1.4" />
        </>
      );
    case "next":
      return (
        <circle
          cx="8"
          cy="8"
          r="6.6"
          fill="none"
          stroke="var(--tms-ink3)"
          strokeWidth="1.5"
          strokeDasharray="1.6 2.2"
        />
      );
  }
}

function stillGlyph(still: StillShape | undefined): string {
  switch (still) {
    case "paused":
      return "M6.3 5.6v4.8M9.7 5.6v4.8";
    case "ended":
      return "M5.6 10.4l4.8-4.8";
    default:
      return "M5.2 8h5.6";
  }
}
