import { UnstyledButton } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import type { ReactNode } from "react";
import { IconCheck, IconCopy } from "../icons/icons.ts";
import { useKitWords } from "../words/kit-words.ts";
import { ForeignText } from "./ForeignText.tsx";
import type { TruncateKind } from "./middle-truncate.ts";

/** Copies the whole text; answers with a check for 1.5 s and "Copied" to screen readers. */
export function CopyButton(props: { text: string; what: string }): ReactNode {
  const words = useKitWords();
  const clipboard = useClipboard({ timeout: 1500 });
  return (
    <>
      <UnstyledButton
        className="tms-copy"
        aria-label={words("copy.what", { what: props.what })}
        onClick={() => clipboard.copy(props.text)}
      >
        {clipboard.copied ? <IconCheck size={14} stroke={1.75} /> : <IconCopy size={14} stroke={1.75} />}
      </UnstyledButton>
      <span className="tms-hidden" aria-live="polite">
        {clipboard.copied ? words("copy.done") : ""}
      </span>
    </>
  );
}

/** A hash, path, fingerprint or command line, shortened in the middle, with Copy. */
export function Copyable(props: { text: string; what: string; truncate: TruncateKind }): ReactNode {
  return (
    <span className="tms-copyable">
      <ForeignText text={props.text} mono truncate={props.truncate} />
      <CopyButton text={props.text} what={props.what} />
    </span>
  );
}

/** A command that a person types on their own machine. */
export function CommandLine(props: { command: string }): ReactNode {
  const words = useKitWords();
  return (
    <div className="tms-command">
      <code className="tms-mono">
        <span aria-hidden="true">$ </span>
        <ForeignText text={props.command} mono />
      </code>
      <CopyButton text={props.command} what={words("copy.command")} />
    </div>
  );
}
