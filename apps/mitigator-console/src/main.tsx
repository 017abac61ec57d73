import { ConsoleRoot, startConsoleWords } from "@tms/console-kit";
import { createRoot } from "react-dom/client";
import file from "./en.json" with { type: "json" };
import { MitigatorConsole } from "./MitigatorConsole.tsx";
import { NAMESPACE } from "./words.ts";

startConsoleWords(NAMESPACE, file);
const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <ConsoleRoot>
      <MitigatorConsole />
    </ConsoleRoot>,
  );
}
