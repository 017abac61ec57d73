import type { Installation } from "@tms/contracts";
import { AppError, ERRORS, type ErrorCode } from "@tms/records";

/** One line of the doctor's answer. A true one with a code is a warning: right today, not for long. */
export interface Check {
  id: string;
  ok: boolean;
  code: ErrorCode | "";
  found: string;
  cure: string;
}

/** What the checks may ask of their surroundings. */
export interface DoctorDeps {
  now(): Date;
  signal: AbortSignal;
  /** Less than this share of the disk free is wrong. */
  minFreePercent: number;
}

export type CheckPart = (installation: Installation, deps: DoctorDeps) => Promise<Check[]>;

export function good(id: string, found: string): Check {
  return { id, ok: true, code: "", found, cure: "" };
}

export function warning(id: string, code: ErrorCode, found: string): Check {
  return { id, ok: true, code, found, cure: ERRORS[code].cure };
}

export function wrong(id: string, code: ErrorCode, found: string): Check {
  return { id, ok: false, code, found, cure: ERRORS[code].cure };
}

/** A failure that has a code is a finding; any other is a fault of the doctor's own and passes. */
export function wrongBy(id: string, error: unknown): Check {
  if (!(error instanceof AppError)) throw error;
  return wrong(id, error.code, `${error.row.text} ${detailsOf(error)}`.trim());
}

function detailsOf({ details }: AppError): string {
  const shown = Object.entries(details).filter(([, value]) => value !== undefined && value !== null);
  return shown.map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", ");
}
