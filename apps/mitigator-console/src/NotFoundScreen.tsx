import { Page } from "@tms/console-kit";
import type { ReactNode } from "react";
import { useWords } from "./words.ts";

export function NotFoundScreen(): ReactNode {
  const words = useWords();
  return (
    <Page
      crumbs={[{ label: words("notFound.title") }]}
      title={words("notFound.title")}
      plainTitle={words("notFound.title")}
    >
      <p className="tms-prose">{words("notFound.text")}</p>
    </Page>
  );
}
