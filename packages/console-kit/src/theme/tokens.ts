import type { Tone } from "@tms/records";

// Measured colours of the design's section 2; light and dark are two sets, not an inversion.

interface ToneColours {
  text: string;
  soft: string;
  solid: string;
}

export interface SchemeTokens {
  plain: Record<string, string>;
  tones: Record<Tone, ToneColours>;
}

const tone = (text: string, soft: string, solid: string): ToneColours => ({ text, soft, solid });

export const LIGHT: SchemeTokens = {
  plain: {
    bg: "#F5F6F8",
    surface: "#FFFFFF",
    sunken: "#ECEFF3",
    ink: "#17202B",
    ink2: "#414D5A",
    ink3: "#5C6875",
    line: "#DCE1E7",
    edge: "#7D8896",
    accent: "#0E5A6F",
    "accent-soft": "#E1EFF2",
    "on-accent": "#FFFFFF",
    focus: "#1F6FEB",
    glyph: "#FFFFFF",
    "side-bg": "#14212C",
    "side-text": "#C5D1DB",
    "side-dim": "#98A9B6",
    "side-selected": "#263846",
    float: "0 8px 24px rgb(10 18 26 / .16)",
  },
  tones: {
    ok: tone("#1B6B3E", "#E5F3EA", "#2A8650"),
    move: tone("#2B4FC0", "#E8EDFC", "#4468DC"),
    wait: tone("#8A4B00", "#FCF0DA", "#B86E00"),
    fail: tone("#B3261E", "#FCEAE8", "#CC362C"),
    still: tone("#4C5764", "#E9EDF1", "#6F7A88"),
    gap: tone("#6A3FA0", "#F2EBFA", "#8657C2"),
  },
};

export const DARK: SchemeTokens = {
  plain: {
    bg: "#0E1318",
    surface: "#151C23",
    sunken: "#0A0E12",
    ink: "#E7ECF1",
    ink2: "#B7C2CD",
    ink3: "#95A2AF",
    line: "#28323D",
    edge: "#6E7B89",
    accent: "#5FC3D8",
    "accent-soft": "#10303A",
    "on-accent": "#05202A",
    focus: "#6EA8FF",
    glyph: "#0E1318",
    "side-bg": "#0A1016",
    "side-text": "#C5D1DB",
    "side-dim": "#98A9B6",
    "side-selected": "#1F2D38",
    float: "0 8px 24px rgb(0 0 0 / .5)",
  },
  tones: {
    ok: tone("#72D79B", "#112E1E", "#3FA66B"),
    move: tone("#A3B8FF", "#1A2550", "#6E8BF0"),
    wait: tone("#F3BD63", "#35260A", "#D08A1E"),
    fail: tone("#FF9F96", "#42191A", "#E8584D"),
    still: tone("#AAB6C2", "#222C36", "#7F8B98"),
    gap: tone("#CDABF8", "#2C2040", "#9F74DB"),
  },
};

/** Every token as `--tms-…`, and Mantine's own variables that would miss the measured contrast. */
export function cssVariablesOf(tokens: SchemeTokens): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(tokens.plain)) variables[`--tms-${name}`] = value;
  for (const [name, colours] of Object.entries(tokens.tones)) {
    variables[`--tms-${name}-text`] = colours.text;
    variables[`--tms-${name}-soft`] = colours.soft;
    variables[`--tms-${name}-solid`] = colours.solid;
  }
  return {
    ...variables,
    "--mantine-color-body": "var(--tms-surface)",
    "--mantine-color-text": "var(--tms-ink)",
    "--mantine-color-dimmed": "var(--tms-ink3)",
    "--mantine-color-placeholder": "var(--tms-ink3)",
    "--mantine-color-error": "var(--tms-fail-text)",
    "--mantine-color-default-border": "var(--tms-edge)",
    "--mantine-color-anchor": "var(--tms-ink)",
  };
}
