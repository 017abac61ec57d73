import {
  Button,
  type CSSVariablesResolver,
  createTheme,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
  Modal,
  Paper,
} from "@mantine/core";
import { cssVariablesOf, DARK, LIGHT } from "./tokens.ts";

const petrol: MantineColorsTuple = [
  "#E1EFF2",
  "#C5E1E7",
  "#9ED3DF",
  "#5FC3D8",
  "#3FA9C0",
  "#2B90A6",
  "#1E7A90",
  "#15697F",
  "#0E5A6F",
  "#0A4757",
];
const gray: MantineColorsTuple = [
  "#F5F6F8",
  "#ECEFF3",
  "#E4E8ED",
  "#DCE1E7",
  "#A3AEBA",
  "#7D8896",
  "#5C6875",
  "#414D5A",
  "#2B3541",
  "#17202B",
];
const dark: MantineColorsTuple = [
  "#E7ECF1",
  "#B7C2CD",
  "#95A2AF",
  "#6E7B89",
  "#28323D",
  "#222B35",
  "#1C242D",
  "#151C23",
  "#0E1318",
  "#0A0E12",
];

/** The design's section 2.4 as a Mantine theme. */
export const theme = createTheme({
  colors: { petrol, gray, dark },
  primaryColor: "petrol",
  primaryShade: { light: 8, dark: 3 },
  black: "#17202B",
  // autoContrast decides by the light shade and would leave white on #5FC3D8 (2.0:1) in dark, so we say it ourselves.
  variantColorResolver: (input) => {
    const colours = defaultVariantColorsResolver(input);
    return input.variant === "filled" ? { ...colours, color: "var(--tms-on-accent)" } : colours;
  },
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: "'JetBrains Mono Variable', ui-monospace, monospace",
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.25rem" },
  spacing: { xs: "0.25rem", sm: "0.5rem", md: "0.75rem", lg: "1rem", xl: "1.5rem" },
  radius: { xs: "2px", sm: "4px", md: "6px", lg: "8px", xl: "8px" },
  defaultRadius: "sm",
  respectReducedMotion: true,
  headings: {
    fontWeight: "600",
    sizes: { h1: { fontSize: "1.25rem", lineHeight: "1.4" }, h2: { fontSize: "0.875rem", lineHeight: "1.43" } },
  },
  components: {
    Button: Button.extend({ defaultProps: { size: "sm", fw: 500 } }),
    Paper: Paper.extend({ defaultProps: { withBorder: true, radius: "md" } }),
    Modal: Modal.extend({
      defaultProps: {
        radius: "md",
        centered: true,
        transitionProps: { duration: 0 },
        closeButtonProps: { "aria-label": "Close" },
      },
    }),
  },
});

export const cssVariablesResolver: CSSVariablesResolver = () => ({
  variables: {},
  light: cssVariablesOf(LIGHT),
  dark: cssVariablesOf(DARK),
});
