import "@mantine/core/styles.css";
import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "./theme/base.css";
import "./theme/page.css";
import "./theme/forms.css";
import "./theme/graph.css";
import "./theme/table.css";
import "./theme/bands.css";
import "./theme/details.css";
import "./theme/frame.css";
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { createQueryClient } from "./api/query-client.ts";
import { cssVariablesResolver, theme } from "./theme/theme.ts";
import kitFile from "./words/en.json" with { type: "json" };
import { KIT_NAMESPACE } from "./words/kit-words.ts";
import { startWords } from "./words/words.ts";

/** Starts words, theme and queries around a console. */
export function ConsoleRoot(props: { children: ReactNode }): ReactNode {
  const [queries] = useState(createQueryClient);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariablesResolver} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>{props.children}</QueryClientProvider>
    </MantineProvider>
  );
}

/** The kit's own sentences and a console's, before anything is drawn. */
export function startConsoleWords(namespace: string, file: Record<string, string>): void {
  startWords({ [KIT_NAMESPACE]: kitFile, [namespace]: file });
}
