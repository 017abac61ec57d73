import type { PlantPlan } from "./plan-of-seed.ts";

// The planted processes as shell text. They start no program but the next script and the sleeper: waiting is a built-in
// `read` on descriptor 8, which the planter answers, so that no helper process stands in the chain. Each process names
// itself with its pid on descriptor 9.

/** The sleeper ends by itself even if nobody cleans up. */
const SLEEPER_SECONDS = 900;

/**
 * What the downloader runs from its standard input.
 *
 * @param sandbox Absolute path without any shell character; see `plant`.
 */
export function downloaderText(plan: PlantPlan, sandbox: string): string {
  return stage({ announce: "downloader", plan, sandbox, next: 0 });
}

function stage(input: { announce: string; plan: PlantPlan; sandbox: string; next: number }): string {
  const { announce, plan, sandbox, next } = input;
  const script = plan.scripts[next];
  if (script === undefined) return lastStage(announce, plan, sandbox);
  const path = `${sandbox}/${script}`;
  return [
    `echo "${announce} $$" >&9`,
    `exec 3>${path}`,
    `printf '%s\\n' ${quoted(stage({ announce: `script-${next + 1}`, plan, sandbox, next: next + 1 }))} >&3`,
    "read go <&8",
    `/bin/sh ${path} 3>&- &`,
    "wait",
  ].join("\n");
}

function lastStage(announce: string, plan: PlantPlan, sandbox: string): string {
  const payload = `${sandbox}/${plan.payload.path}`;
  return [
    `echo "${announce} $$" >&9`,
    `exec 4>${payload}`,
    // Two quoted halves: the marker stands whole in the payload alone, never in the script that writes it.
    `printf '%s\\n' ${quoted(plan.payload.text).replace(plan.marker, plan.marker.replace("-", "-''"))} >&4`,
    `exec 5>>${sandbox}/${plan.crontab.path}`,
    `printf '%s\\n' ${quoted(plan.crontab.line.replace("{sandbox}", sandbox))} >&5`,
    "read go <&8",
    `/bin/sh -c 'echo "sleeper $$" >&9; exec sleep ${SLEEPER_SECONDS} 8<&- 9>&-' 3<${payload} 4>&- 5>&- &`,
    "read go <&8",
  ].join("\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
