import { expect, test } from "vitest";
import { expertCommands, signCommand } from "./expert-commands.ts";

const asked = { shortId: "C-7", state: "new", portalUrl: "https://portal.example:8440", pattern: null } as const;

test("an expert's own name stands in the commands, and nobody else's", () => {
  const own = expertCommands({ ...asked, userName: "expert.heron" }).map((one) => one.command);
  const others = expertCommands({ ...asked, userName: null }).map((one) => one.command);

  expect(own[0]).toContain("case export C-7 --portal https://portal.example:8440 --ca ca.pem --user expert.heron ");
  expect(own.join(" ")).not.toContain("NAME");
  expect(others[0]).toContain("--user NAME ");
});

test("the line to sign with names the pattern, the portal and the expert", () => {
  const line = signCommand({ id: "CP-1", version: 2 }, { portalUrl: asked.portalUrl, userName: "expert.dove" });

  expect(line).toMatch(
    /^npx --no tms pattern sign CP-1 --version 2 --portal https:\S+ --ca ca.pem --user expert.dove /,
  );
});
