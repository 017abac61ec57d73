import { Button } from "@mantine/core";
import { ForeignText, ToneShape } from "@tms/console-kit";
import type { Home } from "@tms/contracts/mitigator";
import { type ReactNode, useState } from "react";
import { SubmitCaseDialog } from "../cases/SubmitCaseDialog.tsx";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

/** As many names as fit beside the sentence. */
const NAMES_SHOWN = 3;

/** What no count covers: unresolved threats that need a case. */
export function UnresolvedLine(props: { home: Home }): ReactNode {
  const words = useWords();
  const [open, setOpen] = useState(false);
  const tasks = props.home.tasks.filter((task) => task.task === "submit-case");
  const [first] = tasks;
  if (props.home.unresolvedSubmitCase === 0 || first === undefined) return null;
  return (
    <div className="tms-line-note tms-between">
      <span className="tms-row" style={{ flexWrap: "nowrap", flex: "1 1 300px" }}>
        <ToneShape tone="wait" />
        <span>
          <strong>{words("unresolved.count", { count: props.home.unresolvedSubmitCase })}</strong>{" "}
          {words("unresolved.why")}
        </span>
      </span>
      <span className="tms-row">
        {tasks.slice(0, NAMES_SHOWN).map((task) => (
          <a key={task.event.id} className="tms-link tms-strong" href={paths.event(task.event.id)}>
            <ForeignText text={task.event.host} />
          </a>
        ))}
        {tasks.length === 1 ? (
          <Button size="xs" variant="default" onClick={() => setOpen(true)}>
            {words("submit.open")}
          </Button>
        ) : null}
      </span>
      <SubmitCaseDialog opened={open} onClose={() => setOpen(false)} event={first.event} />
    </div>
  );
}
