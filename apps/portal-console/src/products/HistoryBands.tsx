import { bytesText, dateText, durationText, isSameDay, useClock } from "@tms/console-kit";
import { type ReactNode, useMemo } from "react";
import { useWords } from "../words.ts";

export interface TimeSpan {
  from: number;
  to: number;
}

export interface BandPart extends TimeSpan {
  tone: "ok" | "wait" | "fail" | "gap" | "still";
  /** States differ by height too, so that they differ without colour (design, section 11). */
  height: "full" | "half" | "quarter" | "line";
  text: string;
}

const share = (at: number, { from, to }: TimeSpan) => ((at - from) / Math.max(1, to - from)) * 100;

/** One band over time; its name for screen readers sums up how long it was what. */
export function HistoryBand(props: { name: string; parts: BandPart[]; span: TimeSpan }): ReactNode {
  const words = useWords();
  const { name, parts, span } = props;
  const sums = new Map<string, number>();
  for (const part of parts) sums.set(part.text, (sums.get(part.text) ?? 0) + part.to - part.from);
  const summary = [...sums]
    .map(([state, ms]) => words("history.sum", { state, duration: durationText(ms) }))
    .join(", ");
  return (
    <>
      <span className="tms-band-name">{name}</span>
      <div className="tms-band" role="img" aria-label={words("history.band", { name, summary })}>
        {parts.map((part) => (
          <span
            key={part.from}
            className="tms-band-part"
            data-tone={part.tone}
            data-height={part.height}
            style={{ left: `${share(part.from, span)}%`, width: `${share(part.to, span) - share(part.from, span)}%` }}
          />
        ))}
      </div>
    </>
  );
}

const CURVE_HEIGHT = 32;

/** What waited in the product's spool; its fullest is named, because a curve alone has no scale. */
export function SpoolCurve(props: { points: { at: string; bytes: number }[]; span: TimeSpan }): ReactNode {
  const words = useWords();
  const { span } = props;
  const points = props.points.map((point) => ({ x: share(new Date(point.at).getTime(), span), bytes: point.bytes }));
  const peak = points.reduce((best, point) => (point.bytes > best.bytes ? point : best), { x: 0, bytes: 0 });
  const [first, last] = [points[0], points.at(-1)];
  const label =
    first === undefined ? words("history.spoolNotSaid") : words("history.spoolPeak", { bytes: bytesText(peak.bytes) });
  const line = points.map((point) => `${point.x.toFixed(3)},${heightOf(point.bytes, peak.bytes)}`).join(" ");
  return (
    <>
      <span className="tms-band-name">{words("history.spool")}</span>
      <div className="tms-spool" role="img" aria-label={label}>
        <svg viewBox={`0 0 100 ${CURVE_HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          {first === undefined || last === undefined ? null : (
            <>
              <polygon points={`${first.x},${CURVE_HEIGHT} ${line} ${last.x},${CURVE_HEIGHT}`} />
              <polyline points={line} />
            </>
          )}
        </svg>
        <span className="tms-small" aria-hidden="true" style={placeOf(peak)}>
          {label}
        </span>
      </div>
    </>
  );
}

function heightOf(bytes: number, peak: number): string {
  return (CURVE_HEIGHT - 1 - (peak === 0 ? 0 : (bytes / peak) * (CURVE_HEIGHT - 4))).toFixed(2);
}

/** Beside the peak, on the side where there is room. */
function placeOf(peak: { x: number }): { left: string } | { right: string } {
  return peak.x < 55 ? { left: `calc(${peak.x}% + 8px)` } : { right: `calc(${100 - peak.x}% + 8px)` };
}

const HALF_HOUR_MS = 30 * 60_000;

/** Midnights of the shown zone. */
export function DayAxis(props: { span: TimeSpan }): ReactNode {
  const { now, zone } = useClock();
  const { from, to } = props.span;
  const days = useMemo(() => midnights({ from, to }, zone), [from, to, zone]);
  return (
    <div className="tms-band-axis" aria-hidden="true">
      {days.map((day) => (
        <span
          key={day}
          data-last={share(day, props.span) > 82 ? "" : undefined}
          style={{ left: `${share(day, props.span)}%` }}
        >
          {dateText(new Date(day), now, zone).split(" ").slice(0, 2).join(" ")}
        </span>
      ))}
    </div>
  );
}

/** Every zone's midnight lies on a half hour of UTC or, in two small ones, a quarter beside it. */
function midnights({ from, to }: TimeSpan, zone: string): number[] {
  const found: number[] = [];
  let before = Math.floor(from / HALF_HOUR_MS) * HALF_HOUR_MS;
  for (let at = before + HALF_HOUR_MS; at < to; at += HALF_HOUR_MS) {
    if (!isSameDay(new Date(before), new Date(at), zone)) found.push(at);
    before = at;
  }
  return found;
}
